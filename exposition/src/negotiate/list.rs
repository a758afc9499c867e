//! Lists of weighted entries with parameters (RFC 9110, sections 5.6 and 12.4.2): `a/b;c="d";q=0.5, e`.
//! Upstream: a header's bytes, any at all. Downstream: `accept`, `coding`.

/// Thousandths, 0 to 1,000; 0 refuses.
pub(super) type Weight = u16;

/// The weight of what names none.
pub(super) const FULL: Weight = 1000;

/// One entry: `head` with what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) head: &'a [u8],
    /// Begins behind the semicolon.
    rest: &'a [u8],
}

/// The entries of a line; those without a head are left out.
pub(super) fn entries(line: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut line = Some(line);
    let entries = std::iter::from_fn(move || {
        let (entry, rest) = cut(line?, b',');
        line = rest;
        let (head, rest) = cut(entry, b';');
        Some(Entry { head: head.trim_ascii(), rest: rest.unwrap_or_default() })
    });
    entries.filter(|entry| !entry.head.is_empty())
}

impl<'a> Entry<'a> {
    /// Calls `each` for every parameter but the weight; gives the weight.
    /// None for an entry that is malformed, perhaps after some calls.
    pub(super) fn read(self, mut each: impl FnMut(&'a [u8], Value<'a>)) -> Option<Weight> {
        let (mut weight, mut rest) = (FULL, Some(self.rest));
        while let Some(text) = rest {
            let (parameter, next) = cut(text, b';');
            rest = next;
            let parameter = parameter.trim_ascii();
            if parameter.is_empty() {
                continue; // as the grammar allows
            }
            let equals = parameter.iter().position(|&byte| byte == b'=')?;
            let (name, value) = (&parameter[..equals], Value::new(&parameter[equals + 1..])?);
            if !is_token(name) {
                return None;
            }
            if name.eq_ignore_ascii_case(b"q") {
                weight = parse_weight(value.0)?;
            } else {
                each(name, value);
            }
        }
        Some(weight)
    }
}

/// A parameter's value; of a quoted one what is between the quotes, backslashes and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    fn new(text: &'a [u8]) -> Option<Self> {
        let Some(quoted) = text.strip_prefix(b"\"") else {
            return is_token(text).then_some(Self(text));
        };
        let inner = quoted.strip_suffix(b"\"")?;
        // Quotes in it are escaped, and the last one is not.
        let mut bytes = inner.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => return None,
                b'\\' => _ = bytes.next()?,
                _ => {}
            }
        }
        Some(Self(inner))
    }

    /// Whether it says `text`, which has no backslash.
    pub(super) fn is(self, text: &str) -> bool {
        let mut escaped = false;
        let said = self.0.iter().filter(|&&byte| {
            escaped = byte == b'\\' && !escaped;
            !escaped
        });
        said.eq(text.as_bytes())
    }
}

/// Cuts at the first `separator` that is not within quotes; None for the rest if there is none.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// `0`, `1`, and up to three digits behind the point.
fn parse_weight(text: &[u8]) -> Option<Weight> {
    let (whole, digits) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => FULL,
        _ => return None,
    };
    let mut place = FULL;
    for digit in digits {
        place /= 10;
        weight += place * Weight::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (weight <= FULL).then_some(weight)
}

fn is_token(text: &[u8]) -> bool {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(in_token)
}
