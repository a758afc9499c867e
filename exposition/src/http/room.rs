//! Whom to close when there is no room: for a newcomer where all places are taken.
//!
//! Upstream: `event_loop`, which knows all connections. Downstream: nobody; it only chooses. It looks
//! at every connection, and is asked only where a limit is reached.

use std::time::Instant;

/// What a connection holds its place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing, between two requests or after the last.
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

/// The connection that makes room for a newcomer: whoever has been idle or silent for longest.
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
        Claim::Silent => true,
        Claim::Partial => crowded,
        Claim::Busy => false,
    };
    let candidates = standings.filter(|(_, (claim, _))| goes(*claim));
    candidates.min_by_key(|(_, (_, since))| *since).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Claim::{Busy, Idle, Partial, Silent};
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
}
