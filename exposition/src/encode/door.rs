//! A door to numbers, escapes and quotes, for `fuzz/` and in its builds only.
//!
//! Upstream: the fuzz target `names_and_numbers`. Downstream: `number`, `escape`, `syntax`.

use std::time::SystemTime;

use tmc_engine::Escaping;

use super::number::Number;
use super::{Syntax, escape, number, syntax};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("encoders write UTF-8")
}

/// An integer.
pub fn integer(value: u64) -> String {
    written(|out| number::integer(value, out))
}

/// A sample's value.
pub fn float(value: f64) -> String {
    written(|out| number::float(value, out))
}

/// The value of `le`.
pub fn canonical(value: f64) -> String {
    written(|out| number::canonical(value, out))
}

/// A time.
pub fn timestamp(at: SystemTime) -> String {
    written(|out| number::timestamp(at, out))
}

/// Writes the integer `new` over the text of `old`; whether it did.
pub fn integer_over(old: u64, new: u64, out: &mut [u8]) -> bool {
    over(Number::Integer, old, new, out)
}

/// Writes the float `new` over the text of `old`; whether it did.
pub fn float_over(old: f64, new: f64, out: &mut [u8]) -> bool {
    over(Number::Float, old.to_bits(), new.to_bits(), out)
}

/// Within a text, as it is in an exposition.
fn over(number: Number, old: u64, new: u64, out: &mut [u8]) -> bool {
    const BEFORE: &[u8] = b"series{label=\"value\"} ";
    let mut text = [BEFORE, out].concat();
    let written = number.write_over(old, new, &mut text, out.len());
    assert!(text.starts_with(BEFORE), "wrote before the number");
    out.copy_from_slice(&text[BEFORE.len()..]);
    written
}

/// Help as OpenMetrics has it, with escaped quotes, or as text 0.0.4 does.
pub fn help(help: &str, quotes: bool) -> String {
    written(|out| escape::help(help, quotes, out))
}

/// A label's value, without its quotes.
pub fn label_value(value: &str) -> String {
    written(|out| escape::label_value(value, out))
}

/// A metric's name as metadata has it, quoted where it must be.
pub fn metadata_name(name: &str) -> String {
    written(|out| syntax::metadata_name(name, out))
}

/// `name="`, under a scheme.
pub fn label(escaping: Escaping, name: &str) -> String {
    written(|out| Syntax { escaping, ..Syntax::default() }.label(name, out))
}
