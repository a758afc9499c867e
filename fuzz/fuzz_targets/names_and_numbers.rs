//! Numbers and texts, written and read back: the same bits, the same text. An input is two numbers of
//! eight bytes, and a text.
//!
//! Upstream: libFuzzer. Downstream: `tmc_exposition`'s writers through their door, and
//! `tmc_engine::Escaping`.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use tmc_engine::Escaping;
use tmc_exposition::encode::door;
use tmc_fuzz::{names, numbers};

fuzz_target!(|input: &[u8]| run(input));

fn run(input: &[u8]) {
    let Some((old, rest)) = input.split_first_chunk() else { return };
    let Some((new, text)) = rest.split_first_chunk() else { return };
    let (old, new) = (u64::from_le_bytes(*old), u64::from_le_bytes(*new));
    integers(old, new);
    floats(f64::from_bits(old), f64::from_bits(new));
    floats(old as f64, f64::from_bits(new));
    timestamp(new);
    let text = String::from_utf8_lossy(text);
    texts(&text);
    name(&text, true, |scheme, name| scheme.metric_name(name).into_owned());
    name(&text, false, |scheme, name| scheme.label_name(name).into_owned());
}

fn integers(old: u64, new: u64) {
    let (before, after) = (door::integer(old), door::integer(new));
    assert_eq!(after, format!("{new}"));
    over(&before, &after, |out| door::integer_over(old, new, out));
    // A neighbour, of which only some digits are written.
    let next = door::integer(old.wrapping_add(new % 1000));
    over(&before, &next, |out| door::integer_over(old, old.wrapping_add(new % 1000), out));
}

fn floats(old: f64, new: f64) {
    let (before, after) = (door::float(old), door::float(new));
    over(&before, &after, |out| door::float_over(old, new, out));
    let canonical = door::canonical(new);
    if new.is_finite() {
        for text in [&after, &canonical] {
            assert!(numbers::is_finite(text), "{text}");
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(new.to_bits()), "{text}");
            assert!(text.len() <= 32, "{text}");
        }
        assert!(numbers::is_canonical(&canonical), "{canonical}");
    } else {
        let expected = if new.is_nan() {
            "NaN"
        } else if new > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        assert_eq!((after.as_str(), canonical.as_str()), (expected, expected));
    }
}

/// What is written over a text is the other text, wherever that is as long, or nothing.
fn over(before: &str, after: &str, write: impl Fn(&mut [u8]) -> bool) {
    let mut out = before.as_bytes().to_vec();
    let done = write(&mut out);
    assert_eq!(done, before.len() == after.len(), "{after} over {before}");
    assert_eq!(out, if done { after } else { before }.as_bytes());
}

fn timestamp(nanos: u64) {
    let text = door::timestamp(UNIX_EPOCH + Duration::from_nanos(nanos));
    let millis = nanos / 1_000_000;
    assert_eq!(text, format!("{}.{:03}", millis / 1000, millis % 1000));
}

fn texts(text: &str) {
    assert_eq!(names::unescape(&door::label_value(text), true).as_deref(), Some(text));
    for quotes in [false, true] {
        assert_eq!(names::unescape(&door::help(text, quotes), quotes).as_deref(), Some(text));
    }
}

fn name(name: &str, is_metric: bool, escape: impl Fn(Escaping, &str) -> String) {
    if name.is_empty() {
        return; // the registry has none
    }
    for scheme in Escaping::ALL {
        let escaped = escape(scheme, name);
        match scheme {
            Escaping::AllowUtf8 => assert_eq!(escaped, name),
            Escaping::Underscores => assert_eq!(escaped, names::replaced(name, is_metric, false)),
            Escaping::Dots => assert_eq!(escaped, names::replaced(name, is_metric, true)),
            Escaping::Values => {
                assert_eq!(names::unescape_values(&escaped).as_deref(), Some(name), "{escaped}");
            }
        }
        assert!(
            scheme == Escaping::AllowUtf8 || names::is_legacy(&escaped, is_metric),
            "{escaped}"
        );
        let written = if is_metric {
            door::metadata_name(&escaped)
        } else {
            let label = door::label(scheme, name);
            label.strip_suffix("=\"").expect("ready for its value").to_owned()
        };
        assert_eq!(names::unquote(&written, is_metric), Some(escaped), "{written}");
        assert!(!written.contains('\n'));
    }
}
