//! Escaping, as the text formats have it: help and label values differ.
//! Upstream: text. Rules: R19, R28 and R29 of the exposition checklist.

/// Appends help. Backslash and line feed are escaped; a quote is in OpenMetrics and stays bare in text
/// 0.0.4.
pub(super) fn help(help: &str, quotes: bool, out: &mut Vec<u8>) {
    escape(help, quotes, out);
}

/// Appends a label value or a quoted name: backslash, quote and line feed are escaped, all else stays as
/// it is.
pub(super) fn label_value(value: &str, out: &mut Vec<u8>) {
    escape(value, true, out);
}

fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Undoes the escaping, one character after the other.
    fn unescape(text: &str) -> String {
        let mut chars = text.chars();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            out.push(match c {
                '\\' => match chars.next() {
                    Some('n') => '\n',
                    Some(c) => c,
                    None => panic!("a backslash at the end of {text:?}"),
                },
                c => c,
            });
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back_the_same(text in "[\\PC\\n\"\\\\]{0,40}") {
            for quotes in [false, true] {
                let mut out = Vec::new();
                escape(&text, quotes, &mut out);
                let out = String::from_utf8(out).unwrap();
                prop_assert!(!out.contains('\n'));
                prop_assert_eq!(unescape(&out), text.as_str());
            }
        }
    }

    #[test]
    fn a_quote_is_bare_in_help_only() {
        let (mut in_help, mut in_label) = (Vec::new(), Vec::new());
        help("a\"\\\n\r\u{2028}", false, &mut in_help);
        label_value("a\"\\\n\r\u{2028}", &mut in_label);
        assert_eq!(in_help, "a\"\\\\\\n\r\u{2028}".as_bytes());
        assert_eq!(in_label, "a\\\"\\\\\\n\r\u{2028}".as_bytes());
    }
}
