//! A slow judge of `Accept` and `Accept-Encoding`: takes lines apart into strings, lists everything
//! that could be sent, and sorts. Shared by the fuzz target and by the exposition crate's tests.

/// One entry of a list: what is asked for, its parameters but `q`, and `q` in thousandths.
struct Entry {
    head: String,
    parameters: Vec<(String, String)>,
    weight: u32,
}

/// The `Content-Type` of the answer to these `Accept` lines.
#[must_use]
pub fn content_type(lines: &[&[u8]]) -> String {
    let entries = entries(lines);
    let range = |name: &str| {
        entries.iter().filter(|entry| entry.head == name).map(|entry| entry.weight).max()
    };
    // Everything we have that is named, in the order of the list; then text, if only a range names it.
    let mut offers: Vec<(u32, String)> = Vec::new();
    let mut text_is_named = false;
    for entry in &entries {
        let parameter = |name: &str| {
            let mut found = entry.parameters.iter().rev().filter(|(key, _)| key == name);
            found.next().map(|(_, value)| value.as_str())
        };
        let plain = match (entry.head.as_str(), parameter("version")) {
            ("text/plain", None | Some("0.0.4")) => "text/plain; version=0.0.4; charset=utf-8",
            ("text/plain", Some("1.0.0")) => "text/plain; version=1.0.0; charset=utf-8",
            ("application/openmetrics-text", None | Some("0.0.1")) => {
                "application/openmetrics-text; version=0.0.1; charset=utf-8"
            }
            ("application/openmetrics-text", Some("1.0.0")) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            ("application/vnd.google.protobuf", _)
                if parameter("proto") == Some("io.prometheus.client.MetricFamily")
                    && parameter("encoding") == Some("delimited") =>
            {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            _ => continue,
        };
        text_is_named |= plain.contains("0.0.4");
        let known = |name: &&str| ["allow-utf-8", "dots", "values"].contains(name);
        let escaping = parameter("escaping").filter(known).unwrap_or("underscores");
        let mut offer = plain.to_owned();
        if escaping != "underscores" || plain.contains("1.0.0") {
            offer.push_str("; escaping=");
            offer.push_str(escaping);
        }
        offers.push((entry.weight, offer));
    }
    let last_resort = "text/plain; version=0.0.4; charset=utf-8";
    if !text_is_named {
        offers.extend(range("text/*").or(range("*/*")).map(|weight| (weight, last_resort.into())));
    }
    offers.retain(|(weight, _)| *weight > 0);
    offers.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight)); // stable: the first of equals
    offers.into_iter().next().map_or(last_resort.into(), |(_, offer)| offer)
}

/// The `Content-Encoding` of the answer to these `Accept-Encoding` lines; "identity" for none.
#[must_use]
pub fn coding(lines: &[&[u8]]) -> &'static str {
    let entries = entries(lines);
    let weight = |names: &[&str]| {
        let found = entries.iter().filter(|entry| names.contains(&entry.head.as_str()));
        found.map(|entry| entry.weight).max()
    };
    let any = weight(&["*"]);
    let zstd = weight(&["zstd"]).unwrap_or(0);
    let gzip = weight(&["gzip", "x-gzip"]).or(any).unwrap_or(0);
    let identity = weight(&["identity"]).or(any).unwrap_or(0);
    let mut offers = vec![(zstd, "zstd"), (gzip, "gzip")];
    offers.retain(|(weight, _)| *weight > 0);
    offers.push((identity, "identity"));
    offers.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    offers[0].1
}

fn entries(lines: &[&[u8]]) -> Vec<Entry> {
    let texts = lines.iter().flat_map(|line| split(line, b','));
    texts.filter_map(|text| entry(&text)).collect()
}

/// None for what is malformed.
fn entry(text: &[u8]) -> Option<Entry> {
    let parts = split(text, b';');
    let head = lower(parts[0].trim_ascii());
    let (mut parameters, mut weight) = (Vec::new(), 1000);
    for part in parts[1..].iter().map(|part| part.trim_ascii()).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_at(part.iter().position(|&byte| byte == b'=')?);
        let (name, value) = (lower(token(name)?), unquote(&value[1..])?);
        if name == "q" {
            weight = thousandths(&part[2..])?;
        } else {
            parameters.push((name, value));
        }
    }
    Some(Entry { head, parameters, weight })
}

fn lower(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_ascii_lowercase()
}

/// Splits at every separator outside of quotes.
fn split(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = text.iter().copied();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        if byte == separator && !quoted {
            parts.push(Vec::new());
            continue;
        }
        let part = parts.last_mut().expect("one at least");
        part.push(byte);
        if quoted && byte == b'\\' {
            part.extend(bytes.next());
        } else if byte == b'"' {
            quoted = !quoted;
        }
    }
    parts
}

fn token(text: &[u8]) -> Option<&[u8]> {
    let separators = b"()<>@,;:\\\"/[]?={} \t";
    let good =
        |byte: &u8| byte.is_ascii() && !byte.is_ascii_control() && !separators.contains(byte);
    (!text.is_empty() && text.iter().all(good)).then_some(text)
}

/// The text of a token or of a quoted string.
fn unquote(text: &[u8]) -> Option<String> {
    if !text.starts_with(b"\"") {
        return token(text).map(|text| String::from_utf8_lossy(text).into_owned());
    }
    let mut said = Vec::new();
    let mut bytes = text[1..].iter().copied();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => said.push(bytes.next()?),
            byte => said.push(byte),
        }
    }
    bytes.next().is_none().then(|| String::from_utf8_lossy(&said).into_owned())
}

/// `0`, `1` and up to three digits behind a point, perhaps in quotes.
fn thousandths(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1")
        || digits.len() > 3
        || digits.contains(|c: char| !c.is_ascii_digit())
    {
        return None;
    }
    let thousandths: u32 = format!("{whole}{digits:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_knows_the_plain_cases() {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        let cases: [(&str, &str); 7] = [
            ("", text),
            ("*/*", text),
            ("application/openmetrics-text;version=1.0.0;q=0", text),
            (
                r#"text/plain;q=0.2, Application/OpenMetrics-Text ;version="1\.0.0";escaping=dots"#,
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
            ),
            ("application/openmetrics-text;q=0.2,*/*;q=0.3", text),
            (
                "application/openmetrics-text;q=0.2,text/plain;q=0,*/*;q=0.3",
                "application/openmetrics-text; version=0.0.1; charset=utf-8",
            ),
            ("application/openmetrics-text;q=0.1234", text),
        ];
        for (accept, expected) in cases {
            assert_eq!(content_type(&[accept.as_bytes()]), expected, "{accept}");
        }
        let cases = [
            ("", "identity"),
            ("gzip;q=0", "identity"),
            ("gzip, zstd", "zstd"),
            ("gzip;q=0.1, identity;q=0.2", "identity"),
            ("*", "gzip"),
        ];
        for (accept, expected) in cases {
            assert_eq!(coding(&[accept.as_bytes()]), expected, "{accept}");
        }
    }
}
