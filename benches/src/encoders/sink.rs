//! What reads a finished text, the same for all contenders. Upstream: encoders. Downstream: nothing.

/// Reads every byte once, eight at a time: no contender's bytes are worth anything before they are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sink {
    sum: u64,
}

impl Sink {
    /// Reads `bytes`.
    pub fn read(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        // Any order gives the same sum, so that the compiler takes several words at a time.
        let words =
            words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
        let rest = rest.iter().fold(0, |sum, byte| sum + u64::from(*byte));
        self.sum = self.sum.wrapping_add(words).wrapping_add(rest);
    }

    /// A number that depends on every byte; for `black_box`.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read() {
        let sum = |bytes: &[u8]| {
            let mut sink = Sink::default();
            sink.read(bytes);
            sink.sum()
        };
        let bytes: Vec<u8> = (0..77).collect();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 128;
            assert_ne!(sum(&bytes), sum(&other), "{at}");
        }
    }
}
