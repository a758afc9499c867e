//! Whom to close when there is no room: for a newcomer where all places are taken, and for answers
//! where too many bytes wait for their readers.
//!
//! Upstream: `event_loop`, which knows all connections. Downstream: nobody; it only chooses. It looks
//! at every connection, and is asked only where a limit is reached.

use std::time::{Duration, Instant};

/// What a connection holds its place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: all is said, and it is about to go.
    Done,
    /// Nothing, between two requests.
    Idle,
    /// It came, and has sent nothing of a head yet; with TLS, its handshake may be on its way.
    Silent,
    /// A head or a body that has come in part.
    Partial,
    /// A request that is being answered.
    Busy,
}

/// How a connection stands, and since when: nothing has become of it since then.
pub(crate) type Standing = (Claim, Instant);

/// The connection that makes room for a newcomer: one that is done, else whoever has been idle or silent for
/// longest. So a flood of requests that are refused at once costs no kept connection its place.
///
/// Those who have not sent a whole request may hold half of the places together. When they do, the one
/// of them that began first goes, even in the middle of its head: however many come to say nothing or
/// to say it slowly, they compete with each other and not with those who ask.
pub(crate) fn choose(standings: impl Iterator<Item = (usize, Standing)> + Clone) -> Option<usize> {
    let count = standings.clone().count();
    let begins = |claim| matches!(claim, Claim::Silent | Claim::Partial);
    let begun = standings.clone().filter(|(_, (claim, _))| begins(*claim)).count();
    let crowded = begun > 0 && begun * 2 >= count;
    let goes = |claim| match claim {
        Claim::Idle => !crowded,
        Claim::Done | Claim::Silent => true,
        Claim::Partial => crowded,
        Claim::Busy => false,
    };
    let candidates = standings.filter(|(_, (claim, _))| goes(*claim));
    let order = |claim, since| (claim != Claim::Done, since);
    candidates.min_by_key(|(_, (claim, since))| order(*claim, *since)).map(|(index, _)| index)
}

/// An answer that waits for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    /// When it began, or some of it was read last.
    pub(crate) progressed: Instant,
    /// Bytes of its body.
    pub(crate) held: usize,
    /// Bytes of it that are to be read still.
    pub(crate) left: usize,
}

/// Closing a reader of less frees nothing, and who has less to read is as good as done.
const LITTLE: usize = 64 << 10;
/// Who has read something in this time reads.
const RECENT: Duration = Duration::from_secs(5);

/// The reader that is given up because too much is `pending`: the one that has read nothing for
/// longest. None while no more than `most` is; one large answer alone may be as large as it is.
///
/// Up to twice as much, whoever reads and whoever is nearly done goes on; beyond, only those that hold
/// little do. So a reader that takes a byte now and then cannot exceed the limit for long.
pub(crate) fn slowest(
    readers: impl Iterator<Item = (usize, Reader)>,
    pending: usize,
    most: usize,
    now: Instant,
) -> Option<usize> {
    if pending <= most {
        return None;
    }
    let mut large = readers.filter(|(_, reader)| reader.held >= LITTLE).peekable();
    let first = large.next()?;
    large.peek()?;
    let urgent = pending > most.saturating_mul(2);
    let rests = |reader: &Reader| {
        urgent
            || reader.left >= LITTLE && now.saturating_duration_since(reader.progressed) >= RECENT
    };
    let candidates = std::iter::once(first).chain(large).filter(|(_, reader)| rests(reader));
    candidates.min_by_key(|(_, reader)| reader.progressed).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::Claim::{Busy, Done, Idle, Partial, Silent};
    use super::*;

    /// The choice among connections that stand like this, each for a second longer than the next.
    fn chosen(claims: &[Claim]) -> Option<usize> {
        let start = Instant::now();
        let since = |index| start + Duration::from_secs(index as u64);
        choose(claims.iter().enumerate().map(|(index, claim)| (index, (*claim, since(index)))))
    }

    #[test]
    fn whoever_waits_for_nothing_longest_goes() {
        assert_eq!(chosen(&[Busy, Idle, Idle, Silent]), Some(1));
        assert_eq!(chosen(&[Busy, Silent, Idle, Busy]), Some(1));
        assert_eq!(chosen(&[Partial, Busy, Busy, Idle]), Some(3));
    }

    #[test]
    fn who_is_done_goes_before_who_may_ask_again() {
        assert_eq!(chosen(&[Idle, Silent, Busy, Done, Done]), Some(3));
        assert_eq!(chosen(&[Idle, Silent, Silent, Partial, Done]), Some(4));
    }

    #[test]
    fn whoever_asks_or_is_answered_stays() {
        assert_eq!(chosen(&[Busy, Busy]), None);
        assert_eq!(chosen(&[Partial, Busy, Busy]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_crowd_that_says_nothing_makes_room_for_its_own() {
        assert_eq!(chosen(&[Idle, Idle, Silent, Silent]), Some(2));
        assert_eq!(
            chosen(&[Idle, Idle, Idle, Silent, Silent]),
            Some(0),
            "less than half are theirs"
        );
        assert_eq!(chosen(&[Idle]), Some(0));
        assert_eq!(chosen(&[Silent]), Some(0));
    }

    #[test]
    fn so_does_a_crowd_of_half_heads() {
        assert_eq!(chosen(&[Idle, Busy, Partial, Silent, Partial]), Some(2));
        assert_eq!(chosen(&[Busy, Busy, Partial, Partial, Partial]), Some(2));
    }

    const MOST: usize = 100 << 20;

    /// The choice among readers that have read nothing for so many seconds, with so many bytes to
    /// hold and so many to read still.
    fn given_up(pending: usize, readers: &[(u64, usize, usize)]) -> Option<usize> {
        let now = Instant::now() + Duration::from_secs(1000);
        let reader = |&(rested, held, left): &(u64, usize, usize)| {
            let progressed = now - Duration::from_secs(rested);
            Reader { progressed, held, left }
        };
        slowest(readers.iter().map(reader).enumerate(), pending, MOST, now)
    }

    #[test]
    fn who_has_read_nothing_for_longest_is_given_up_when_there_is_too_much() {
        let readers = [(6, MOST, MOST), (20, MOST, MOST), (8, MOST, MOST)];
        assert_eq!(given_up(MOST, &readers), None);
        assert_eq!(given_up(MOST + 1, &readers), Some(1));
    }

    #[test]
    fn who_reads_or_is_nearly_done_goes_on_up_to_twice_as_much() {
        let readers = [(4, MOST, MOST), (100, MOST, LITTLE - 1), (100, LITTLE - 1, LITTLE - 1)];
        assert_eq!(given_up(2 * MOST, &readers), None);
        assert_eq!(given_up(2 * MOST + 1, &readers), Some(1));
        assert_eq!(given_up(2 * MOST, &[readers[0], (5, MOST, LITTLE)]), Some(1));
    }

    #[test]
    fn one_large_answer_may_be_as_large_as_it_is() {
        let readers = [(100, 9 * MOST, MOST), (100, LITTLE - 1, LITTLE - 1)];
        assert_eq!(given_up(10 * MOST, &readers), None);
        assert_eq!(given_up(10 * MOST, &[]), None);
    }
}
