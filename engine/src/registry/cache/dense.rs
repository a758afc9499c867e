//! Series that a thread remembers by number: one array per family whose labels have few values.
//! Upstream: `cache`. Downstream: nothing.

use super::Remembered;
use crate::sync::Mutex;

/// Most combinations of values that get an array, of 32 bytes each per thread and family.
const MAX_COMBINATIONS: usize = 512;

/// Numbers in use, process-wide, so that a thread finds a family's array by index.
static NUMBERS: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// The number of a family, given back when the family goes.
pub(in super::super) struct DenseNumber(usize);

impl DenseNumber {
    /// The lowest number that no family has, if the array is to have so many entries.
    pub(in super::super) fn take(combinations: usize) -> Option<Self> {
        if combinations == 0 || combinations > MAX_COMBINATIONS {
            return None;
        }
        let mut taken = NUMBERS.lock();
        let free = taken.iter().position(|taken| !taken).unwrap_or_else(|| {
            taken.push(false);
            taken.len() - 1
        });
        taken[free] = true;
        Some(Self(free))
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

/// By the numbers of families.
#[derive(Default)]
pub(super) struct Tables(Vec<Table>);

#[derive(Default)]
struct Table {
    /// The family that had the number when the thread last looked.
    family: u64,
    entries: Box<[Option<Remembered>]>,
}

impl Tables {
    /// The series at this index, if it is remembered and still in its family.
    #[inline(always)]
    pub(super) fn find(
        &self,
        family: u64,
        number: &DenseNumber,
        index: usize,
    ) -> Option<&Remembered> {
        let table = self.0.get(number.0)?;
        let remembered = table.entries.get(index)?.as_ref()?;
        (table.family == family && remembered.series.is_live()).then_some(remembered)
    }

    /// Remembers a series at an index of so many.
    pub(super) fn put(
        &mut self,
        family: u64,
        number: &DenseNumber,
        (index, combinations): (usize, usize),
        remembered: Remembered,
    ) {
        if self.0.len() <= number.0 {
            self.0.resize_with(number.0 + 1, Table::default);
        }
        let table = &mut self.0[number.0];
        if table.family != family {
            let entries = (0..combinations).map(|_| None).collect();
            *table = Table { family, entries };
        }
        if let Some(entry) = table.entries.get_mut(index) {
            *entry = Some(remembered);
        }
    }
}
