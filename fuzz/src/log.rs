//! Reads what an interval log has inside its fields: our tags, and base64.

/// Names and values of the labels in a tag, `a=1;b=2` with percent-encoded values.
pub fn labels(tag: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("no = in {pair:?}"))?;
        Ok((name.to_owned(), plain(value)?))
    };
    tag.split(';').map(pair).collect()
}

fn plain(value: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if b",;= \r\n".contains(&byte) {
            return Err(format!("{byte:#x} as it is in {value:?}"));
        }
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (code, after) = rest.split_at_checked(2).ok_or("a cut-off %")?;
        let code = std::str::from_utf8(code).map_err(|e| e.to_string())?;
        bytes.push(u8::from_str_radix(code, 16).map_err(|e| format!("%{code}: {e}"))?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

/// Decodes base64 with the usual alphabet and padding (RFC 4648, section 4).
pub fn base64(text: &str) -> Result<Vec<u8>, String> {
    if !text.len().is_multiple_of(4) {
        return Err(format!("{} characters", text.len()));
    }
    let digits = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for char in digits.bytes() {
        let six = match char {
            b'A'..=b'Z' => char - b'A',
            b'a'..=b'z' => char - b'a' + 26,
            b'0'..=b'9' => char - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(format!("{char:#x} is no digit")),
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_apart() {
        let pairs = labels("a=x%2C%25y;b=").unwrap();
        assert_eq!(pairs, [("a".into(), "x,%y".into()), ("b".into(), String::new())]);
        for wrong in ["", "a", "a=1;", "a=b=c", "a=b c", "a=%2", "a=%zz", "a=%FF"] {
            assert!(labels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn base64_of_the_specification() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        assert!(base64("Zg=").is_err() && base64("Z-==").is_err());
    }
}
