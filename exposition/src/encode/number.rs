//! Numbers, as the text formats have them. Upstream: text. Rules: R33, R34 and R46 of the
//! exposition checklist.

/// Appends an integer.
#[inline]
pub(super) fn integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Integers up to here are exact in an `f64`, and written without a point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends the shortest number that reads back as the same `f64`.
#[inline]
pub(super) fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN"); // never with a sign
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.abs() < EXACT && value.trunc() == value {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
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
        fn every_integer_reads_back(value: u64) {
            prop_assert_eq!(text(|out| integer(value, out)).parse::<u64>().unwrap(), value);
        }
    }
}
