//! Reads OpenMetrics 1.0 as strictly as its grammar says, and says what is wrong.
//!
//! Written from the specification, apart from our encoder; samples are read as in text 0.0.4, which has
//! the same grammar for them. Start times and exemplars are judged here, and then left out.

use std::collections::{HashMap, HashSet};

use crate::text::{self, Family, Sample};

const TYPES: [&str; 7] =
    ["counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary"];

/// Most code points of an exemplar's labels.
const EXEMPLAR: usize = 128;

/// Parses a whole exposition. `created` tells whether it has start times.
pub fn parse(text: &[u8], created: bool) -> Result<Vec<Family>, String> {
    let text = std::str::from_utf8(text).map_err(|e| format!("not UTF-8: {e}"))?;
    let body = text.strip_suffix("# EOF\n").ok_or("no EOF")?;
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("EOF is not on a line of its own".to_owned());
    }
    let (mut families, mut claims) = (Vec::new(), HashSet::new());
    let mut lines = body.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        let (name, kind) = metadata(line, "TYPE")?;
        let name = text::metric_name(name)?.to_owned();
        if !TYPES.contains(&kind) {
            return Err(format!("unknown type {kind:?}"));
        }
        for suffix in suffixes(kind) {
            if !claims.insert(format!("{name}{suffix}")) {
                return Err(format!("the {kind} {name}{suffix} is another's"));
            }
        }
        if lines.peek().is_some_and(|line| line.starts_with("# UNIT ")) {
            let (of, unit) = metadata(lines.next().unwrap_or_default(), "UNIT")?;
            let stem = name.strip_suffix(unit).filter(|stem| stem.ends_with('_'));
            if of != name
                || unit.is_empty()
                || stem.is_none()
                || ["info", "stateset"].contains(&kind)
            {
                return Err(format!("the unit {unit:?} of {of} after the {kind} {name}"));
            }
        }
        let help = lines.next().ok_or("no HELP at the end")?;
        let (of, help) = metadata(help, "HELP")?;
        if of != name || bare_quote(help) {
            return Err(format!("HELP of {of} after TYPE of {name}: {help:?}"));
        }
        let help = Some(text::unescape(help, true)?);
        let mut family = Family { name, help, kind: kind.to_owned(), samples: Vec::new() };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            family.samples.push(sample(line, &family)?);
        }
        apart(&mut family, created)?;
        families.push(family);
    }
    Ok(families)
}

/// What text 0.0.4 would show, counters with `_total`: one model judges both.
pub fn as_text(families: Vec<Family>) -> Vec<Family> {
    families.into_iter().flat_map(family_as_text).collect()
}

/// The family; of a gauge histogram, its totals as gauges, too.
fn family_as_text(mut family: Family) -> Vec<Family> {
    let (kind, suffix) = match family.kind.as_str() {
        "counter" => ("counter", "_total"),
        "info" => ("gauge", "_info"),
        "stateset" => ("gauge", ""),
        "gaugehistogram" => ("histogram", ""),
        _ => return vec![family],
    };
    family.name.push_str(suffix);
    family.kind = kind.to_owned();
    if kind != "histogram" {
        return vec![family];
    }
    let of = |total: &str| {
        let name = format!("{}{total}", family.name);
        let samples = family.samples.iter().filter(|sample| sample.name == name);
        let samples = samples.map(|Sample { labels, value, .. }| Sample {
            name: name.clone(),
            labels: labels.clone(),
            raw: String::new(),
            value: *value,
        });
        let samples = samples.collect();
        Family { help: family.help.clone(), kind: "gauge".to_owned(), samples, name: name.clone() }
    };
    let totals = ["_gcount", "_gsum"].map(of);
    for sample in &mut family.samples {
        for (total, as_text) in [("_gcount", "_count"), ("_gsum", "_sum")] {
            if sample.name.strip_suffix(total) == Some(family.name.as_str()) {
                sample.name = format!("{}{as_text}", family.name);
            }
        }
    }
    std::iter::once(family).chain(totals).collect()
}

/// The name and the rest of `# KEYWORD name rest`.
fn metadata<'a>(line: &'a str, keyword: &str) -> Result<(&'a str, &'a str), String> {
    let rest = line.strip_prefix("# ").and_then(|line| line.strip_prefix(keyword));
    let parts = rest.and_then(|rest| rest.strip_prefix(' ')?.split_once(' '));
    parts.ok_or_else(|| format!("no {keyword}: {line:?}"))
}

/// Whether there is a quote that no backslash escapes.
fn bare_quote(text: &str) -> bool {
    text::closing_quote(text).is_some()
}

/// Of all samples that a family may have; of others, only its own name is taken.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["", "_total", "_created"],
        "histogram" => &["", "_bucket", "_sum", "_count", "_created"],
        "gaugehistogram" => &["", "_bucket", "_gsum", "_gcount"],
        "summary" => &["", "_sum", "_count", "_created"],
        "info" => &["", "_info"],
        _ => &[""],
    }
}

/// The suffix of the family's names that a sample has.
fn suffix<'a>(sample: &'a Sample, family: &Family) -> &'a str {
    sample.name.strip_prefix(family.name.as_str()).unwrap_or("?")
}

fn sample(line: &str, family: &Family) -> Result<Sample, String> {
    let (plain, exemplar) = match first_exemplar(line) {
        Some(at) => (&line[..at], Some(&line[at + " # ".len()..])),
        None => (line, None),
    };
    let sample = text::sample(plain)?;
    let wrong =
        |what: &str| Err(format!("{what}: {line:?} in the {} {}", family.kind, family.name));
    let has = |label: &str| sample.labels.iter().any(|(name, _)| name == label);
    let suffix = suffix(&sample, family);
    let own = match suffix {
        "_bucket" => Some("le"),
        "" if family.kind == "summary" => Some("quantile"),
        "" if family.kind == "stateset" => Some(family.name.as_str()),
        _ => None,
    };
    let main = matches!(family.kind.as_str(), "gauge" | "stateset" | "summary");
    if !suffixes(&family.kind).contains(&suffix) || (suffix.is_empty() && !main) {
        return wrong("a sample of another family");
    }
    if own.is_some_and(|own| !has(own)) {
        return wrong("no label of its own");
    }
    let counts = ["_total", "_bucket", "_count", "_gcount", "_sum"].contains(&suffix);
    if counts && (sample.value.is_nan() || sample.value < 0.0) {
        return wrong("negative, or no number");
    }
    if matches!(family.kind.as_str(), "info" | "stateset") && ![0.0, 1.0].contains(&sample.value) {
        return wrong("neither 0 nor 1");
    }
    if let Some(exemplar) = exemplar {
        if !["_total", "_bucket"].contains(&suffix) {
            return wrong("an exemplar here");
        }
        let value = self::exemplar(exemplar)?;
        let le = own.and_then(|own| sample.labels.iter().find(|(name, _)| name == own));
        if le.is_some_and(|(_, le)| text::number(le).is_ok_and(|le| value > le)) {
            return wrong("an exemplar of another bucket");
        }
    }
    Ok(sample)
}

/// Where ` # {` begins outside of quotes.
fn first_exemplar(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted && line[at..].starts_with(" # {") => return Some(at),
            _ => {}
        }
    }
    None
}

/// The value of `{labels} value timestamp`.
fn exemplar(text: &str) -> Result<f64, String> {
    let (rest, timestamp) = text.rsplit_once(' ').ok_or("an exemplar without a time")?;
    if text::number(timestamp)? <= 0.0 {
        return Err(format!("no time: {text:?}"));
    }
    // As a sample of some name; without labels there are no braces.
    let named = match rest.strip_prefix("{}") {
        Some(value) => format!("a{value}"),
        None => format!("a{rest}"),
    };
    let sample = text::sample(&named)?;
    let length = |text: &str| text.chars().count();
    let total: usize = sample.labels.iter().map(|(name, value)| length(name) + length(value)).sum();
    if total > EXEMPLAR { Err(format!("too long: {text:?}")) } else { Ok(sample.value) }
}

/// Every label set is in one place, has each sample once, and its start time last. Removes those.
fn apart(family: &mut Family, created: bool) -> Result<(), String> {
    let wanted = created && ["counter", "histogram", "summary"].contains(&family.kind.as_str());
    let own = match family.kind.as_str() {
        "histogram" | "gaugehistogram" => "le",
        "summary" => "quantile",
        "stateset" => &family.name,
        _ => "",
    };
    let mut points: HashMap<Vec<(String, String)>, bool> = HashMap::new();
    let (mut last, mut seen) = (None, HashSet::new());
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.sort();
        if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("a label twice: {sample:?}"));
        }
        if !seen.insert((sample.name.clone(), labels.clone())) {
            return Err(format!("a series twice: {sample:?}"));
        }
        labels.retain(|(name, _)| name != own);
        let known = points.contains_key(&labels);
        if known && last.as_ref() != Some(&labels) {
            return Err(format!("not beside its like: {sample:?}"));
        }
        let over = points.entry(labels.clone()).or_default();
        if *over {
            return Err(format!("after its start time: {sample:?}"));
        }
        *over = suffix(sample, family) == "_created";
        if *over && (!wanted || sample.value <= 0.0) {
            return Err(format!("a start time: {sample:?}"));
        }
        last = Some(labels);
    }
    if points.values().any(|over| *over != wanted) {
        return Err(format!("{} has start times, or has not: {points:?}", family.name));
    }
    let name = format!("{}_created", family.name);
    family.samples.retain(|sample| sample.name != name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"x\n",
        "a_seconds_total{b=\" # {\"} 1 # {c=\"d\"} 0.5 3.000\na_seconds_created{b=\" # {\"} 7.5\n",
        "# TYPE h histogram\n# HELP h \nh_bucket{le=\"1.0\"} 1 # {} 1 2.000\n",
        "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\nh_created 2.0\n",
        "# TYPE s stateset\n# HELP s x\ns{s=\"on\"} 1\ns{s=\"off\"} 0\n# EOF\n"
    );

    #[test]
    fn reads_what_is_right() {
        let families = parse(GOOD.as_bytes(), true).unwrap();
        let kinds: Vec<_> =
            families.iter().map(|family| (&*family.kind, family.samples.len())).collect();
        assert_eq!(kinds, [("counter", 1), ("histogram", 4), ("stateset", 2)]);
        assert_eq!(families[0].samples[0].labels, [("b".to_owned(), " # {".to_owned())]);
        assert_eq!(families[0].help.as_deref(), Some("\"x"));
        assert_eq!(parse(b"# EOF\n", true), Ok(Vec::new()));
    }

    #[test]
    fn refuses_what_is_wrong() {
        assert!(parse(GOOD.as_bytes(), false).is_err(), "start times");
        for (from, to) in [
            ("# EOF\n", ""),
            ("# EOF\n", "# EOF\n# EOF\n"),
            ("# EOF", "#EOF"),
            ("# TYPE h", "\n# TYPE h"),
            (" counter", " Counter"),
            (" counter", " unknown"),
            ("a_seconds_total", "a_seconds"),
            ("UNIT a_seconds seconds", "UNIT a_seconds second"),
            (
                "# UNIT a_seconds seconds\n# HELP a_seconds \\\"x\n",
                "# HELP a_seconds \\\"x\n# UNIT a_seconds seconds\n",
            ),
            ("\\\"x", "\"x"),
            ("# HELP h \n", ""),
            ("0.5 3.000", "0.5"),
            ("# {c=\"d\"} 0.5", "# 0.5"),
            ("} 1 2.000", "} 1.5 2.000"),
            ("h_count 1", "h_count 1 # {} 1 2.000"),
            ("h_count 1", "h_count NaN"),
            ("h_created 2.0\n", ""),
            ("h_created 2.0\n", "h_created 2.0\nh_created 2.0\n"),
            ("h_sum 1\nh_count 1\nh_created 2.0\n", "h_sum 1\nh_created 2.0\nh_count 1\n"),
            ("h_bucket{le=\"1.0\"}", "h_bucket"),
            ("s{s=\"off\"} 0", "s{s=\"off\"} 2"),
            ("s{s=\"off\"} 0", "s{s=\"on\"} 0"),
            ("TYPE s stateset\n# HELP s", "TYPE h_sum gauge\n# HELP h_sum"),
            ("# TYPE s stateset\n# HELP s x\n", ""),
        ] {
            assert!(GOOD.contains(from), "{from:?}");
            let bad = GOOD.replacen(from, to, 1);
            assert!(parse(bad.as_bytes(), true).is_err(), "{from:?} for {to:?}");
        }
        let long = format!("{} 0.5", "{c=\"".to_owned() + &"ü".repeat(128) + "\"} 1");
        assert!(exemplar(&long).is_err() && exemplar(&long.replacen('ü', "", 1)).is_ok());
    }
}
