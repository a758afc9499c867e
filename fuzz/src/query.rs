//! Queries that filter by name, read the slow way. Downstream: the fuzz target `negotiation`.

/// Each type, what its names may end in already, and what the names of its samples end in.
pub const KINDS: [(&str, &str, &[&str]); 6] = [
    ("counter", "_total", &["", "_total", "_created"]),
    ("gauge", "", &[""]),
    ("histogram", "", &["", "_bucket", "_sum", "_count", "_created"]),
    ("gauge histogram", "", &["", "_bucket", "_sum", "_count", "_gsum", "_gcount"]),
    ("summary", "", &["", "_sum", "_count", "_created"]),
    ("info", "_info", &["", "_info"]),
];

/// The values of `name[]`, decoded.
#[must_use]
pub fn names(query: &str) -> Vec<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(key, _)| decode(key) == "name[]").map(|(_, value)| decode(value)).collect()
}

/// `%2E` to `.`, `+` to a blank; what is not UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    let mut bytes = text.as_bytes();
    let mut decoded = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (first, rest) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                decoded.push(u8::from_str_radix(digits, 16).expect("two digits"));
                bytes = after;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(*first),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        assert_eq!(names("x=y&name[]=a%2eb+c&name%5B%5d=%zz&name[]"), ["a.b c", "%zz", ""]);
        assert!(names("name=a&").is_empty());
    }
}
