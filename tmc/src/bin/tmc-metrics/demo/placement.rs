//! Chooses the cluster for a namespace by the room that is left.
//! Upstream: the mirror's scheduling and migrations. Downstream: nothing; pure.

/// A cluster as placement sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Objects that fit.
    pub(crate) capacity: u64,
    /// Objects that are promised to it.
    pub(crate) used: u64,
    /// Whether it can take anything: connected, not avoided, and not holding the namespace already.
    pub(crate) open: bool,
}

impl Room {
    fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.used)
    }
}

/// No cluster has the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("no cluster can take anything now")]
    NoneOpen,
    #[error(
        "needs room for {need} objects, and the emptiest cluster has {free}; raise --capacity or --clusters"
    )]
    TooSmall {
        need: u64,
        free: u64,
        /// The emptiest open cluster.
        best: usize,
    },
}

/// The open cluster with most room, if `need` objects fit; of equals the first.
pub(crate) fn choose(rooms: &[Room], need: u64) -> Result<usize, NoRoom> {
    let open = rooms.iter().enumerate().filter(|(_, room)| room.open);
    let best = open.max_by_key(|(index, room)| (room.free(), std::cmp::Reverse(*index)));
    let Some((best, room)) = best else { return Err(NoRoom::NoneOpen) };
    let free = room.free();
    if need <= free { Ok(best) } else { Err(NoRoom::TooSmall { need, free, best }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(capacity: u64, used: u64) -> Room {
        Room { capacity, used, open: true }
    }

    #[test]
    fn the_emptiest_open_cluster_is_chosen_and_the_first_of_equals() {
        assert_eq!(choose(&[room(10, 5), room(10, 2), room(10, 2)], 3), Ok(1));
        let closed = Room { open: false, ..room(10, 0) };
        assert_eq!(choose(&[closed, room(10, 9)], 1), Ok(1));
    }

    #[test]
    fn what_fits_nowhere_says_how_much_is_missing() {
        let error = NoRoom::TooSmall { need: 4, free: 3, best: 1 };
        assert_eq!(choose(&[room(10, 8), room(10, 7)], 4), Err(error));
        assert!(error.to_string().contains("--capacity"));
        assert_eq!(choose(&[], 0), Err(NoRoom::NoneOpen));
        // Fuller than full is no room, not a very large one.
        assert_eq!(choose(&[room(1, 5)], 1), Err(NoRoom::TooSmall { need: 1, free: 0, best: 0 }));
    }
}
