//! Numbers, as the formats have them, and how to write one over another. Upstream: `sheet` and the
//! families' renderers. Rules: R33, R34 and R46 of the exposition checklist.

use std::time::{SystemTime, UNIX_EPOCH};

use super::wire;

/// How a value of 64 bits is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// An integer in decimal digits.
    Integer,
    /// The bits of an `f64`, in decimal digits.
    Float,
    /// An integer as the eight bytes of an `f64`, the lowest first.
    IntegerBytes,
    /// The bits of an `f64` as its eight bytes.
    FloatBytes,
}

impl Number {
    /// Appends `value`: 32 bytes at most.
    #[inline]
    pub(super) fn write(self, value: u64, out: &mut Vec<u8>) {
        match self {
            Self::Integer => integer(value, out),
            Self::Float => float(f64::from_bits(value), out),
            Self::IntegerBytes => out.extend_from_slice(&wire::double_bytes(value as f64)),
            Self::FloatBytes => out.extend_from_slice(&wire::double_bytes(f64::from_bits(value))),
        }
    }

    /// Writes `new` over `old`, which is the last `len` bytes of `text`, if it is just as long; else `text`
    /// is as it was.
    #[inline]
    pub(super) fn write_over(self, old: u64, new: u64, text: &mut [u8], len: usize) -> bool {
        match self {
            Self::Integer => integer_over(old, new, text, len),
            Self::Float => float_over(f64::from_bits(new), last(text, len)),
            Self::IntegerBytes => bytes_over(new as f64, last(text, len)),
            Self::FloatBytes => bytes_over(f64::from_bits(new), last(text, len)),
        }
    }
}

fn last(text: &mut [u8], len: usize) -> &mut [u8] {
    let from = text.len().saturating_sub(len);
    &mut text[from..]
}

/// `10^n`, as far as 64 bits go.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut n = 1;
    while n < 20 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

const EIGHT_DIGITS: u64 = POWERS[8];

#[inline]
fn integer_over(old: u64, new: u64, text: &mut [u8], len: usize) -> bool {
    let hundreds = new / 100;
    if len > 2 && hundreds == old / 100 {
        // Most values grow by a little. As long as it was, for there is a digit before the last two.
        if let Some(out) = text.last_chunk_mut() {
            *out = PAIRS[(new - 100 * hundreds) as usize];
        }
        return true;
    }
    let least = POWERS.get(len.wrapping_sub(1)).copied().unwrap_or(u64::MAX);
    let below = POWERS.get(len).is_none_or(|&beyond| new < beyond);
    let fits = (new >= least && below) || (new == 0 && len == 1);
    if !fits {
        return false;
    }
    // All of the last eight digits: to ask which ones differ would be a guess for the processor each time.
    let same_before = len <= 8 || old / EIGHT_DIGITS == new / EIGHT_DIGITS;
    match text.last_chunk_mut::<8>() {
        Some(out) if same_before => {
            // What comes before the number stays.
            let others = (1 << (8 * 8_usize.saturating_sub(len))) - 1;
            let digits = eight_digits((if len <= 8 { new } else { new % EIGHT_DIGITS }) as u32);
            *out = ((u64::from_le_bytes(*out) & others) | (digits & !others)).to_le_bytes();
        }
        _ => digits_over(new, last(text, len)),
    }
    true
}

/// The digits of the numbers below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};

fn digits_over(mut value: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The digits of a number below 10^8, the first one in the lowest byte. Divides all parts of the number at
/// once: by 10^4, by 100 in two lanes of 32 bits, by 10 in four of 16.
#[inline]
fn eight_digits(value: u32) -> u64 {
    let fours = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | (twos - 10 * tens) << 8;
    ones + 0x3030_3030_3030_3030
}

#[inline]
fn float_over(value: f64, out: &mut [u8]) -> bool {
    let mut digits = Digits::default();
    let text = digits.float(value).as_bytes();
    let fits = text.len() == out.len();
    if fits {
        out.copy_from_slice(text);
    }
    fits
}

#[inline]
fn bytes_over(value: f64, out: &mut [u8]) -> bool {
    out.copy_from_slice(&wire::double_bytes(value));
    true
}

/// Appends an integer.
#[inline]
pub(super) fn integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Integers up to here are exact in an `f64`, and written without a point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Room for one number.
#[derive(Default)]
struct Digits(itoa::Buffer, zmij::Buffer);

impl Digits {
    /// The shortest number that reads back as the same `f64`.
    #[inline]
    fn float(&mut self, value: f64) -> &str {
        match value {
            _ if value.is_nan() => "NaN", // never with a sign
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            0.0 if value.is_sign_negative() => "-0",
            _ if value.abs() < EXACT && value.trunc() == value => self.0.format(value as i64),
            _ => self.1.format_finite(value),
        }
    }
}

/// Appends the shortest number that reads back as the same `f64`.
#[inline]
pub(super) fn float(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(Digits::default().float(value).as_bytes());
}

/// Appends seconds since 1970, to the millisecond that Prometheus stores.
pub(super) fn timestamp(at: SystemTime, out: &mut Vec<u8>) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    integer(since.as_secs(), out);
    let millis = since.subsec_millis();
    out.push(b'.');
    out.extend([millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8));
}

/// Appends a canonical number, the form of `le` values: shortest digits, an exponent below 1e-4 and
/// from 1e6 on, a point or an exponent always.
pub(super) fn canonical(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        return float(value, out);
    }
    let scientific = format!("{value:e}"); // d.ddde-x, shortest digits
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("{mantissa}e{sign}{:02}", exponent.abs()).as_bytes());
        return;
    }
    let plain = format!("{value}");
    out.extend_from_slice(plain.as_bytes());
    if !plain.contains('.') {
        out.extend_from_slice(b".0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of all lengths, and neighbours of powers of ten.
    fn magnitudes() -> impl Strategy<Value = u64> {
        let near = (0..20_usize, 0..3_u64).prop_map(|(n, by)| (POWERS[n] + by).wrapping_sub(1));
        prop_oneof![
            (any::<u64>(), 0..64_u32).prop_map(|(bits, by)| bits >> by),
            near,
            Just(u64::MAX)
        ]
    }

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn canonical_numbers_are_those_of_the_specification() {
        let cases = [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (1e16, "1e+16"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (2.5, "2.5"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| canonical(value, out)), expected);
        }
    }

    #[test]
    fn special_values_are_spelled_as_the_parsers_want_them() {
        let cases = [
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (-0.0, "-0"),
            (-3.0, "-3"),
            (9_007_199_254_740_991.0, "9007199254740991"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| float(value, out)), expected);
        }
    }

    #[test]
    fn timestamps_are_seconds_with_three_decimals() {
        let at = UNIX_EPOCH + std::time::Duration::from_nanos(1_763_850_000_007_999_999);
        assert_eq!(text(|out| timestamp(at, out)), "1763850000.007");
        assert_eq!(text(|out| timestamp(UNIX_EPOCH, out)), "0.000");
    }

    proptest! {
        #[test]
        fn every_float_reads_back_with_the_same_bits(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for written in [text(|out| float(value, out)), text(|out| canonical(value, out))] {
                prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), bits, "{}", written);
                prop_assert!(written.len() < 32, "{} is long", written);
            }
        }

        #[test]
        fn a_number_over_another_is_the_number_or_nothing_changed(
            old in magnitudes(), new in magnitudes(), number in prop::sample::select(&[
                Number::Integer, Number::Float, Number::IntegerBytes, Number::FloatBytes,
            ][..]), before_it in 0..8_usize,
        ) {
            let written = |value| {
                let mut out = Vec::new();
                number.write(value, &mut out);
                out
            };
            let (before, after) = (written(old), written(new));
            let mut out = before.clone();
            let len = out.len();
            let mut text = [&b"before "[..before_it], &out].concat();
            let fits = number.write_over(old, new, &mut text, len);
            prop_assert_eq!(&text[..before_it], &b"before "[..before_it]);
            out = text.split_off(before_it);
            prop_assert_eq!(fits, before.len() == after.len());
            prop_assert_eq!(out, if fits { after } else { before });
        }

        #[test]
        fn eight_digits_are_the_digits(value in 0..100_000_000_u32) {
            prop_assert_eq!(eight_digits(value).to_le_bytes().to_vec(), format!("{value:08}").into_bytes());
        }

        #[test]
        fn every_integer_reads_back(value: u64) {
            prop_assert_eq!(text(|out| integer(value, out)).parse::<u64>().unwrap(), value);
        }
    }
}
