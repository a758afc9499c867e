//! Cases: from the name of a variant to the text of a value.
//! Upstream: attribute. Downstream: value.

use syn::LitStr;

/// How a value is spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Case {
    #[default]
    Snake,
    Kebab,
    Lower,
    Upper,
    ScreamingSnake,
    Pascal,
    Camel,
}

/// All cases, each by its own name.
const CASES: [(&str, Case); 7] = [
    ("snake_case", Case::Snake),
    ("kebab-case", Case::Kebab),
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
];

impl Case {
    pub(crate) fn parse(name: &LitStr) -> syn::Result<Self> {
        let known = CASES.iter().find(|(known, _)| *known == name.value());
        known.map(|&(_, case)| case).ok_or_else(|| {
            let names = CASES.map(|(known, _)| format!("`{known}`")).join(", ");
            syn::Error::new(name.span(), format!("no such case: there are {names}"))
        })
    }

    /// The name of a variant in this case.
    pub(crate) fn apply(self, variant: &str) -> String {
        let words = words(variant);
        let (separator, first, other): (&str, Spell, Spell) = match self {
            Case::Snake => ("_", str::to_lowercase, str::to_lowercase),
            Case::Kebab => ("-", str::to_lowercase, str::to_lowercase),
            Case::Lower => ("", str::to_lowercase, str::to_lowercase),
            Case::Upper => ("", str::to_uppercase, str::to_uppercase),
            Case::ScreamingSnake => ("_", str::to_uppercase, str::to_uppercase),
            Case::Pascal => ("", capitalised, capitalised),
            Case::Camel => ("", str::to_lowercase, capitalised),
        };
        let spelled = words.iter().enumerate();
        let spelled = spelled.map(|(at, word)| if at == 0 { first(word) } else { other(word) });
        spelled.collect::<Vec<_>>().join(separator)
    }
}

type Spell = fn(&str) -> String;

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.flat_map(char::to_lowercase)).collect()
}

/// The words of an identifier: `HTTPServer2` is `HTTP` and `Server2`.
fn words(identifier: &str) -> Vec<String> {
    let letters: Vec<char> = identifier.chars().collect();
    let mut words = vec![String::new()];
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins || letter == '_' {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().into_iter().for_each(|word| word.push(letter));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_spelled_as_its_own_name() {
        for (name, case) in CASES {
            let variant = match case {
                Case::Lower => "Lowercase",
                Case::Upper => "Uppercase",
                Case::ScreamingSnake => "ScreamingSnakeCase",
                Case::Snake => "SnakeCase",
                Case::Kebab => "KebabCase",
                Case::Pascal => "PascalCase",
                Case::Camel => "CamelCase",
            };
            assert_eq!(case.apply(variant), name);
        }
    }

    #[test]
    fn words_begin_where_people_see_them() {
        for (variant, words) in [
            ("CrudOp", "crud_op"),
            ("Get", "get"),
            ("HTTPServer", "http_server"),
            ("HTTP", "http"),
            ("Http2", "http2"),
            ("V1Beta", "v1_beta"),
            ("A", "a"),
            ("AB", "ab"),
            ("ABc", "a_bc"),
            ("Already_Snake", "already_snake"),
            ("_Odd__One_", "odd_one"),
            ("Größe", "größe"),
            ("lower", "lower"),
        ] {
            assert_eq!(Case::Snake.apply(variant), words, "{variant}");
        }
    }
}
