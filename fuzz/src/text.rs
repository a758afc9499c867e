//! Reads text format 0.0.4 as strictly as the format can be read, and says what is wrong.
//!
//! Written from the format's description and not from our encoder. The crates that parse this
//! format are no judges of hostile values: one splits labels at every comma and knows no escapes,
//! one refuses names with capital letters. The real judges, promtool and Prometheus, are in
//! `tests/`; they are too slow to fuzz with.

use std::collections::HashSet;

/// One family with its samples, in the order of the text.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// The name of HELP and TYPE.
    pub name: String,
    /// The unescaped help text.
    pub help: Option<String>,
    /// `counter`, `gauge`, `histogram`, `summary` or `untyped`.
    pub kind: String,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// One line that is no comment.
#[derive(Debug, PartialEq)]
pub struct Sample {
    /// The name as written, with a histogram's suffix.
    pub name: String,
    /// The unescaped labels, in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The number as written.
    pub raw: String,
    /// The number.
    pub value: f64,
}

/// Parses a whole exposition.
pub fn parse(text: &[u8]) -> Result<Vec<Family>, String> {
    let text = std::str::from_utf8(text).map_err(|e| format!("not UTF-8: {e}"))?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let body = text.strip_suffix('\n').ok_or("the last line does not end")?;
    let mut families: Vec<Family> = Vec::new();
    let mut names = HashSet::new();
    let mut series = HashSet::new();
    let mut help: Option<(String, String)> = None;
    // Not lines(): a carriage return is a character like any other.
    for line in body.split('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, written) = rest.split_once(' ').ok_or("HELP without a text")?;
            if help.is_some() {
                return Err(format!("HELP without TYPE before {line:?}"));
            }
            help = Some((metric_name(name)?.to_owned(), unescape(written, false)?));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("TYPE without a type")?;
            if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
                return Err(format!("unknown type {kind:?}"));
            }
            if !names.insert(metric_name(name)?.to_owned()) {
                return Err(format!("a second family {name}"));
            }
            let help = match help.take() {
                Some((of, help)) if of == name => Some(help),
                Some((of, _)) => return Err(format!("HELP of {of} before TYPE of {name}")),
                None => None,
            };
            let (name, kind) = (name.to_owned(), kind.to_owned());
            families.push(Family { name, help, kind, samples: Vec::new() });
        } else {
            let family = families.last_mut().ok_or("a sample before every family")?;
            if help.is_some() {
                return Err(format!("a sample between HELP and TYPE: {line:?}"));
            }
            let sample = sample(line)?;
            belongs(&sample, family)?;
            let mut labels = sample.labels.clone();
            labels.sort();
            if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err(format!("a label twice: {line:?}"));
            }
            if !series.insert((sample.name.clone(), labels)) {
                return Err(format!("a series twice: {line:?}"));
            }
            family.samples.push(sample);
        }
    }
    if help.is_some() {
        return Err("HELP at the end".to_owned());
    }
    apart(&families, &names)?;
    Ok(families)
}

/// No family may be named like a sample of another one.
fn apart(families: &[Family], names: &HashSet<String>) -> Result<(), String> {
    for Family { name, kind, .. } in families {
        let suffixes: &[&str] = match kind.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["_sum", "_count"],
            _ => &[],
        };
        for suffix in suffixes {
            if names.contains(&format!("{name}{suffix}")) {
                return Err(format!("the {kind} {name} beside a family {name}{suffix}"));
            }
        }
    }
    Ok(())
}

fn belongs(sample: &Sample, family: &Family) -> Result<(), String> {
    let suffix = sample.name.strip_prefix(&family.name);
    let has = |label: &str| sample.labels.iter().any(|(name, _)| name == label);
    let (le, quantile) = (has("le"), has("quantile"));
    let fits = match (family.kind.as_str(), suffix) {
        ("histogram", Some("_bucket")) => le,
        ("histogram", Some("_sum" | "_count")) => !le,
        ("summary", Some("")) => quantile,
        ("summary", Some("_sum" | "_count")) => !quantile,
        ("counter" | "gauge" | "untyped", Some("")) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{sample:?} in {} {}", family.kind, family.name)) }
}

pub(crate) fn sample(line: &str) -> Result<Sample, String> {
    let wrong = |what: &str| format!("{what}: {line:?}");
    let end = line.find(['{', ' ']).ok_or_else(|| wrong("neither labels nor a value"))?;
    let name = metric_name(&line[..end])?.to_owned();
    let mut labels = Vec::new();
    let mut rest = &line[end..];
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"").ok_or_else(|| wrong("no =\""))?;
            let close = closing_quote(after).ok_or_else(|| wrong("no closing quote"))?;
            labels.push((label_name(label)?.to_owned(), unescape(&after[..close], true)?));
            inside = &after[close + 1..];
            match inside.as_bytes().first() {
                Some(b',') => inside = &inside[1..],
                Some(b'}') => break,
                _ => return Err(wrong("neither , nor } after a label")),
            }
        }
        rest = &inside[1..];
    }
    let raw = rest.strip_prefix(' ').ok_or_else(|| wrong("no blank before the value"))?;
    Ok(Sample { name, labels, raw: raw.to_owned(), value: number(raw)? })
}

/// The first quote that no backslash escapes.
pub(crate) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

pub(crate) fn unescape(text: &str, quoted: bool) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => plain.push('\\'),
            Some('n') => plain.push('\n'),
            Some('"') if quoted => plain.push('"'),
            other => return Err(format!("the escape \\{other:?} in {text:?}")),
        }
    }
    Ok(plain)
}

/// A number as Go's `ParseFloat` reads it, less its underscores and hexadecimals.
pub fn number(raw: &str) -> Result<f64, String> {
    match raw {
        "+Inf" => return Ok(f64::INFINITY),
        "-Inf" => return Ok(f64::NEG_INFINITY),
        "NaN" => return Ok(f64::NAN),
        _ => {}
    }
    let digits = |s: &str| s.bytes().filter(u8::is_ascii_digit).count();
    let allowed = raw.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match raw.parse::<f64>() {
        Ok(value) if allowed && digits(raw) > 0 => Ok(value),
        _ => Err(format!("no number: {raw:?}")),
    }
}

pub(crate) fn metric_name(name: &str) -> Result<&str, String> {
    word(name, true).ok_or_else(|| format!("no metric name: {name:?}"))
}

fn label_name(name: &str) -> Result<&str, String> {
    word(name, false).ok_or_else(|| format!("no label name: {name:?}"))
}

fn word(name: &str, colon: bool) -> Option<&str> {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || (colon && b == b':');
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(letter);
    (starts && bytes.all(|b| letter(b) || b.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hostile_values() {
        let text = "# HELP a x\\\\\\ny\"\n# TYPE a gauge\na{b=\"},=\\\"\\n\\\\\\r\"} -1e-05\n";
        assert!(parse(text.as_bytes()).is_err(), "\\r is no escape");
        let text = text.replace("\\r", "\r");
        let families = parse(text.as_bytes()).unwrap();
        assert_eq!(families[0].help.as_deref(), Some("x\\\ny\""));
        let sample = &families[0].samples[0];
        assert_eq!(sample.labels, [("b".to_owned(), "},=\"\n\\\r".to_owned())]);
        assert_eq!(sample.value, -1e-5);
    }

    #[test]
    fn refuses_what_is_wrong() {
        let head = "# TYPE a gauge\n";
        for body in [
            "a 1",
            "a 1\n\n",
            "a  1\n",
            "a\n",
            "b 1\n",
            "a 1 2\n",
            "a inf\n",
            "a 1_0\n",
            "a{} 1\n",
            "a{b=\"c\",} 1\n",
            "a{b=\"c\"}1\n",
            "a{b=\"c\\t\"} 1\n",
            "a{b=\"c} 1\n",
            "a{b:c=\"\"} 1\n",
            "a{b=\"\",b=\"\"} 1\n",
            "a 1\na 2\n",
            "a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 1\n",
            "a 1\n# TYPE a counter\n",
            "# HELP b c\na 1\n",
            "# HELP b c\n",
            "# TYPE h histogram\nh 1\n",
            "# TYPE h histogram\nh_bucket 1\n",
            "# TYPE s summary\ns 1\n",
            "# TYPE s summary\ns_sum{quantile=\"1\"} 1\n",
            "# TYPE a_sum gauge\na_sum 1\n# TYPE h_sum gauge\n# TYPE h histogram\n",
        ] {
            assert!(parse(format!("{head}{body}").as_bytes()).is_err(), "{body:?}");
        }
        assert!(parse(b"a 1\n").is_err());
        assert!(parse(format!("{head}a +Inf\n").as_bytes()).is_ok());
    }
}
