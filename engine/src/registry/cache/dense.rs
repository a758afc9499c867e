//! Series that a thread remembers by number: one array per family and type of its labels, where
//! they have few values.
//! Upstream: `cache`. Downstream: nothing.

use super::Remembered;
use crate::sync::Mutex;

/// Most combinations of values that get an array, of 32 bytes each per thread.
const MAX_COMBINATIONS: usize = 512;

/// Whether so many combinations of values get an array.
pub(super) const fn is_dense(combinations: usize) -> bool {
    combinations > 0 && combinations <= MAX_COMBINATIONS
}

/// Numbers in use, process-wide, so that a thread finds an array by index.
static NUMBERS: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// A number of a family, given back when the family goes.
pub(super) struct DenseNumber(pub(super) usize);

impl DenseNumber {
    /// The lowest number that no family has.
    pub(super) fn take() -> Self {
        let mut taken = NUMBERS.lock();
        let free = taken.iter().position(|taken| !taken).unwrap_or_else(|| {
            taken.push(false);
            taken.len() - 1
        });
        taken[free] = true;
        Self(free)
    }
}

impl Drop for DenseNumber {
    fn drop(&mut self) {
        if let Some(taken) = NUMBERS.lock().get_mut(self.0) {
            *taken = false;
        }
    }
}

const _: () = assert!(size_of::<Option<Remembered>>() == 32);

/// The series at this index, if it is remembered and nothing has left the family since.
#[inline(always)]
pub(super) fn find(
    tables: &[Table],
    stamp: u64,
    number: usize,
    index: usize,
) -> Option<&Remembered> {
    let table = tables.get(number).filter(|table| table.stamp == stamp)?;
    table.entries.get(index)?.as_ref()
}

/// By their numbers.
#[derive(Default)]
pub(super) struct Tables(Vec<Table>);

/// A power of two in size, so that finding one takes no multiplication.
#[derive(Default)]
#[repr(align(32))]
pub(super) struct Table {
    /// The family's, when the thread last put something here.
    stamp: u64,
    entries: Box<[Option<Remembered>]>,
}

impl Tables {
    pub(super) fn all(&self) -> &[Table] {
        &self.0
    }

    /// Remembers a series at an index of so many.
    pub(super) fn put(
        &mut self,
        stamp: u64,
        number: usize,
        (index, combinations): (usize, usize),
        remembered: Remembered,
    ) {
        if self.0.len() <= number {
            self.0.resize_with(number + 1, Table::default);
        }
        let table = &mut self.0[number];
        if table.stamp != stamp {
            let entries = (0..combinations).map(|_| None).collect();
            *table = Table { stamp, entries };
        }
        if let Some(entry) = table.entries.get_mut(index) {
            *entry = Some(remembered);
        }
    }
}
