//! Names of labels: which are legal.
//! Upstream: set. The rule is the registry's (engine/src/registry/name.rs), which checks the names
//! again together with the constant labels; two names that only some types reserve are refused
//! here for all, because a set does not know what it will label.

/// What is wrong with the name of a label, if anything.
pub(crate) fn fault(name: &str) -> Option<&'static str> {
    if matches!(name, "le" | "quantile") {
        return Some("histograms and summaries add such a label themselves");
    }
    match name.as_bytes() {
        [] => Some("it is empty"),
        [b'_', ..] => Some("a leading underscore is reserved"),
        [b'0'..=b'9', ..] => Some("it begins with a digit"),
        bytes => {
            let legal = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (!bytes.iter().all(legal))
                .then_some("only ASCII letters, digits and underscores are allowed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn legal_names_pass_and_others_say_why() {
        for legal in ["a", "Z", "method", "code_2", "camelCase", "a__b", "les", "quantiles", "Le"] {
            assert_eq!(fault(legal), None, "{legal}");
        }
        for (name, reason) in [
            ("", "empty"),
            ("_a", "leading underscore"),
            ("__name__", "leading underscore"),
            ("2xx", "digit"),
            ("a:b", "only ASCII"),
            ("a-b", "only ASCII"),
            ("größe", "only ASCII"),
            ("le", "histograms"),
            ("quantile", "summaries"),
        ] {
            assert!(fault(name).is_some_and(|fault| fault.contains(reason)), "{name}");
        }
    }
}
