//! The wire format of protocol buffers, as far as the exposition needs it.
//! Upstream: `protobuf`, and the `sheet` that it draws up. Rules: R60, R67 and R68 of the exposition
//! checklist; the fields' numbers are those of Prometheus's `metrics.proto`.

use std::time::{SystemTime, UNIX_EPOCH};

/// How the bytes behind a key are laid out.
#[derive(Clone, Copy)]
enum Layout {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
}

fn key(field: u32, layout: Layout, out: &mut Vec<u8>) {
    varint(u64::from(field << 3 | layout as u32), out);
}

/// The key of a message, a text, or packed numbers: their length follows, then they themselves.
pub(super) fn length_key(field: u32, out: &mut Vec<u8>) {
    key(field, Layout::Length, out);
}

/// The key of a double, which follows.
pub(super) fn double_key(field: u32, out: &mut Vec<u8>) {
    key(field, Layout::Fixed64, out);
}

/// Seven bits a byte, the lowest first: the one way to write them that is shortest.
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn varint_len(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Small numbers of either sign become small numbers: 0, -1, 1, -2 are 0, 1, 2, 3.
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(super) fn integer(field: u32, value: u64, out: &mut Vec<u8>) {
    key(field, Layout::Varint, out);
    varint(value, out);
}

pub(super) fn signed(field: u32, value: i64, out: &mut Vec<u8>) {
    integer(field, zigzag(value), out);
}

pub(super) fn double(field: u32, value: f64, out: &mut Vec<u8>) {
    double_key(field, out);
    out.extend_from_slice(&double_bytes(value));
}

/// One NaN for all: another one is what Prometheus marks the end of a series with.
pub(super) fn double_bytes(value: f64) -> [u8; 8] {
    if value.is_nan() { f64::NAN.to_le_bytes() } else { value.to_le_bytes() }
}

pub(super) fn bytes(field: u32, value: &[u8], out: &mut Vec<u8>) {
    length_key(field, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// A message, which `write` appends.
pub(super) fn message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    length_key(field, out);
    let at = out.len();
    write(out);
    insert_length(out, at);
}

/// Inserts the length of what is behind `at` there; tells by how much that moves it.
pub(super) fn insert_length(out: &mut Vec<u8>, at: usize) -> usize {
    let end = out.len();
    varint((end - at) as u64, out);
    let by = out.len() - end;
    out[at..].rotate_right(by);
    by
}

/// A `google.protobuf.Timestamp`. What is before 1970 is 1970.
pub(super) fn timestamp(field: u32, at: SystemTime, out: &mut Vec<u8>) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    message(field, out, |out| {
        integer(1, since.as_secs(), out);
        integer(2, since.subsec_nanos().into(), out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_those_of_the_encoding_guide() {
        assert_eq!(written(|out| varint(150, out)), [0x96, 0x01]);
        assert_eq!(written(|out| integer(1, 150, out)), [0x08, 0x96, 0x01]);
        assert_eq!(written(|out| bytes(2, b"testing", out)), b"\x12\x07testing");
        assert_eq!(written(|out| varint(u64::MAX, out)).len(), 10);
        for (value, expected) in
            [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)]
        {
            assert_eq!(zigzag(value), expected);
        }
        assert_eq!(written(|out| double(16, 1.0, out)), [0x81, 0x01, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }

    #[test]
    fn no_value_is_the_mark_of_an_ended_series() {
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        for value in [stale, -stale, f64::NAN] {
            assert_eq!(double_bytes(value), f64::NAN.to_le_bytes());
        }
        assert_eq!(double_bytes(-0.0), (-0.0_f64).to_le_bytes());
    }

    proptest! {
        #[test]
        fn a_length_comes_before_what_was_written(size in 0..40_000_usize) {
            let body = vec![7; size];
            let nested = written(|out| message(4, out, |out| out.extend_from_slice(&body)));
            prop_assert_eq!(&nested, &written(|out| bytes(4, &body, out)));
            prop_assert_eq!(nested.len(), 1 + varint_len(size) + size);
        }
    }
}
