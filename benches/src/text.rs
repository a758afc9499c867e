//! Reads samples back from exposition text, as far as the checks need it.
//! Upstream: the encoders of all contenders. Downstream: their checks.

/// The sample lines: no comments, no blank lines.
pub fn samples(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The value of a sample line as a whole number; 0 where it is none, which no check lets pass.
#[must_use]
pub fn value(line: &str) -> u64 {
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// The value of a sample line as a number, which some write as `1e+06`; NaN where it is none.
#[must_use]
pub fn number(line: &str) -> f64 {
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// Sum over the samples whose metric name, up to labels or value, ends in `suffix`.
#[must_use]
pub fn sum(text: &str, suffix: &str) -> u64 {
    let named = |line: &&str| {
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        line[..end].ends_with(suffix)
    };
    samples(text).filter(named).map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a b\n# TYPE a counter\na{x=\"1 2\"} 3\na 4\n\nb_count 7\n";

    #[test]
    fn comments_and_blank_lines_are_no_samples() {
        assert_eq!(samples(TEXT).count(), 3);
    }

    #[test]
    fn sums_by_name_alone() {
        assert_eq!(sum(TEXT, "a"), 7);
        assert_eq!(sum(TEXT, "_count"), 7);
        assert_eq!(value("a x"), 0);
    }

    #[test]
    fn numbers_are_read_in_any_notation() {
        assert_eq!(number("a{x=\"1 2\"} 1.000037e+06"), 1_000_037.0);
        assert!(number("a x").is_nan());
    }
}
