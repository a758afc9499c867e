//! Names and texts read back, slowly: what is escaped, quoted or made legacy.
//! Downstream: the fuzz target `names_and_numbers`.

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`, for a label without colons.
#[must_use]
pub fn is_legacy(name: &str, colons: bool) -> bool {
    let legal = |(at, c): (usize, char)| match c {
        '0'..='9' => at > 0,
        ':' => colons,
        'a'..='z' | 'A'..='Z' | '_' => true,
        _ => false,
    };
    !name.is_empty() && name.chars().enumerate().all(legal)
}

/// The text that was escaped: `\\`, `\n` and, if quotes are, `\"`. None for anything else with a
/// backslash, and for a line feed, or a quote that should be escaped.
#[must_use]
pub fn unescape(text: &str, quotes: bool) -> Option<String> {
    let mut chars = text.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                '\\' => '\\',
                '"' if quotes => '"',
                _ => return None,
            },
            '\n' => return None,
            '"' if quotes => return None,
            c => c,
        });
    }
    Some(out)
}

/// What is said by a name that is quoted unless it is legacy, and only then.
#[must_use]
pub fn unquote(text: &str, colons: bool) -> Option<String> {
    if is_legacy(text, colons) {
        return Some(text.to_owned());
    }
    let name = unescape(text.strip_prefix('"')?.strip_suffix('"')?, true)?;
    (!is_legacy(&name, colons)).then_some(name)
}

/// The name that became `text` under underscores or dots: each character replaced, if any must be.
#[must_use]
pub fn replaced(name: &str, colons: bool, dots: bool) -> String {
    if is_legacy(name, colons) {
        return name.to_owned();
    }
    let piece = |(at, c): (usize, char)| match c {
        '.' if dots => "_dot_".to_owned(),
        '_' if dots => "__".to_owned(),
        _ if is_legacy(&format!("{}{c}", if at > 0 { "_" } else { "" }), colons) => c.to_string(),
        _ if dots => "__".to_owned(),
        _ => "_".to_owned(),
    };
    name.chars().enumerate().map(piece).collect()
}

/// The name that was escaped by its values; a name without `U__` in front is itself.
#[must_use]
pub fn unescape_values(text: &str) -> Option<String> {
    let Some(mut rest) = text.strip_prefix("U__") else { return Some(text.to_owned()) };
    let mut name = String::new();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        name.push(match c {
            '_' => {
                let (digits, after) = rest.split_once('_')?;
                rest = after;
                match digits {
                    "" => '_',
                    _ => char::from_u32(u32::from_str_radix(digits, 16).ok()?)?,
                }
            }
            c => c,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back() {
        assert_eq!(unescape(r#"a\\\n\"b"#, true).as_deref(), Some("a\\\n\"b"));
        assert_eq!(unescape(r#"a"b"#, false).as_deref(), Some("a\"b"));
        for (bad, quotes) in
            [(r"\t", true), ("\\", true), ("\n", false), ("\"", true), ("\\\"", false)]
        {
            assert_eq!(unescape(bad, quotes), None, "{bad:?}");
        }
    }

    #[test]
    fn names_read_back() {
        assert_eq!(unquote("a:b", true).as_deref(), Some("a:b"));
        assert_eq!(unquote(r#""a:b""#, false).as_deref(), Some("a:b"));
        assert_eq!(unquote(r#""a:b""#, true), None, "quoted in vain");
        assert_eq!(unquote("a.b", true), None);
        assert_eq!(replaced("9a._b", true, false), "_a__b");
        assert_eq!(replaced("9a._b", true, true), "__a_dot___b");
        assert_eq!(replaced("a_b", true, true), "a_b");
        assert_eq!(unescape_values("U__a_2e_b__c").as_deref(), Some("a.b_c"));
        assert_eq!(unescape_values("a_2e_b").as_deref(), Some("a_2e_b"));
        assert_eq!(unescape_values("U__a_2"), None);
    }
}
