//! The `Date` of answers (RFC 9110, section 6.6.1). Upstream: the clock. Downstream: `response`.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;

/// The text of a date, made anew when its second is over. Allocates once.
#[derive(Debug, Default)]
pub(crate) struct Date {
    /// Seconds since 1970 of what `text` says.
    second: Option<u64>,
    text: Vec<u8>,
}

impl Date {
    /// The date of `now` as HTTP writes it, or nothing where the clock is beyond what it can write.
    pub(crate) fn at(&mut self, now: SystemTime) -> &[u8] {
        /// The begin of the year 10000, when it is too late for `HttpDate`.
        const END: u64 = 253_402_300_800;
        let second = now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
        if self.second != second {
            self.second = second;
            self.text.clear();
            if second.is_some_and(|second| second < END) {
                // Memory takes every byte.
                let _ = write!(self.text, "{}", HttpDate::from(now));
            }
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_date_is_that_of_its_second() {
        let mut date = Date::default();
        let mut at = |millis| {
            let now = UNIX_EPOCH + Duration::from_millis(millis);
            String::from_utf8(date.at(now).to_vec()).unwrap()
        };
        // The example of the RFC.
        assert_eq!(at(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778_000), "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(at(253_402_300_799_000), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(at(253_402_300_800_000), "");
        assert_eq!(at(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_clock_before_1970_has_no_date() {
        assert_eq!(Date::default().at(UNIX_EPOCH - Duration::from_secs(1)), b"");
    }
}
