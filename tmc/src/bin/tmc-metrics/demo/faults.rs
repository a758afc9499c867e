//! Decides which file operations fail on purpose.
//! Upstream: the option `--fault-rate`. Downstream: door.

use std::io;

/// Spreads faults evenly: at a rate of 0.1 the fifth operation fails, then each tenth after it. So
/// a run is repeatable, and a test can say how many faults there were.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Share of operations that fail, 0 to 1.
    rate: f64,
    /// Operations asked about so far.
    asked: u64,
    injected: u64,
}

impl Faults {
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, asked: 0, injected: 0 }
    }

    /// The fault of the next operation, or none.
    pub(crate) fn next(&mut self) -> Option<io::Error> {
        self.asked += 1;
        // Half a fault ahead, so that the first comes early; the product keeps rounding from adding up.
        let due = (self.asked as f64 * self.rate + 0.5) as u64;
        if due <= self.injected {
            return None;
        }
        self.injected += 1;
        Some(match self.injected % 3 {
            1 => io::Error::new(io::ErrorKind::TimedOut, "injected fault: the write timed out"),
            2 => io::Error::new(io::ErrorKind::StorageFull, "injected fault: no space left"),
            _ => io::Error::other("injected fault: input/output error"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;

    fn count(rate: f64, operations: usize) -> usize {
        let mut faults = Faults::new(rate);
        (0..operations).filter(|_| faults.next().is_some()).count()
    }

    #[test]
    fn as_many_faults_as_the_rate_says() {
        assert_eq!(count(0.0, 1000), 0);
        assert_eq!(count(1.0, 1000), 1000);
        assert_eq!(count(0.1, 1000), 100);
        assert_eq!(count(0.3, 1000), 300);
    }

    #[test]
    fn the_first_fault_comes_half_a_period_in_and_a_retry_right_after_it_works() {
        let mut faults = Faults::new(0.1);
        let failed: Vec<_> = (1..=30).filter(|_| faults.next().is_some()).collect();
        assert_eq!(failed, [5, 15, 25]);
    }
}
