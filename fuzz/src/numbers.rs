//! The grammar of numbers, character by character. Downstream: the fuzz target `names_and_numbers`.

/// Whether it is a finite number as both text formats take it: `-12.5e+07`.
#[must_use]
pub fn is_finite(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

/// Whether it is a canonical number (OpenMetrics 1.0, "Canonical Numbers"): as Go's `%g` has it, with
/// `.0` where it would look like an integer.
#[must_use]
pub fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !is_finite(text) {
        return false;
    }
    let Some((mantissa, exponent)) = digits.split_once('e') else {
        // Plain: no zeros at the ends but those that must be there, and 1e-4 <= x < 1e6.
        let Some((whole, fraction)) = digits.split_once('.') else { return false };
        let value: f64 = digits.parse().expect("a number");
        return (fraction == "0" || !fraction.ends_with('0'))
            && (whole == "0" || !whole.starts_with('0'))
            && (value == 0.0 || (1e-4..1e6).contains(&value));
    };
    let (sign, power) = exponent.split_at(1);
    let two_digits = power.len() == 2 || power.len() == 3 && !power.starts_with('0');
    let range = match (sign, power.parse::<u32>()) {
        ("-", Ok(power)) => power >= 5,
        ("+", Ok(power)) => power >= 6,
        _ => false,
    };
    let one_digit =
        mantissa.split('.').next().is_some_and(|whole| whole.len() == 1 && whole != "0");
    two_digits && range && one_digit && !(mantissa.contains('.') && mantissa.ends_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_noise() {
        for good in ["0", "-0", "1.5", "1e300", "-1.25e-07", "00"] {
            assert!(is_finite(good), "{good}");
        }
        for bad in ["", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1_0", "NaN", "Inf", "1e5.0"] {
            assert!(!is_finite(bad), "{bad}");
        }
        for good in
            ["0.0", "-0.0", "1.0", "100000.0", "0.0001", "1e+06", "1.5e-07", "5e-324", "2.25"]
        {
            assert!(is_canonical(good), "{good}");
        }
        for bad in
            ["0", "1", "1e6", "1e+6", "1000000.0", "0.00001", "1.50", "10e+06", "1.0e+06", "+1.0"]
        {
            assert!(!is_canonical(bad), "{bad}");
        }
    }
}
