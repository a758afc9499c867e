//! Bucket layout of a histogram: HDR's log-linear buckets, split where an `le` boundary falls.
//! Upstream: registry, which builds one per family. Downstream: record, which asks for a value's
//! bucket, and snapshot, which counts what lies at or below a boundary. Pure maths, no memory.
//!
//! An observation increments one cell. The HDR bucket of a value is found with shifts and a
//! leading-zero count. A bucket that boundaries split has one extra cell per boundary, for its
//! values at or below that boundary, so that `le` counts are exact and quantiles keep HDR precision.

use crate::shard::page::PAGE_CELLS;

/// Cells at the head of a histogram series, before the extra cells.
pub(crate) const HEAD_SUM: u32 = 0;
/// Observations above the range.
pub(crate) const HEAD_OVER: u32 = 1;
/// Observations of +Inf, which make the sum infinite.
pub(crate) const HEAD_INFINITE: u32 = 2;
/// The first extra cell.
pub(crate) const HEAD_EXTRAS: u32 = 3;

/// Most boundaries that may split buckets: the head must fit one page.
pub(crate) const MAX_EXTRAS: usize = PAGE_CELLS - HEAD_EXTRAS as usize;

/// HDR's bucket arithmetic for values of one unit upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hdr {
    /// `log2` of the buckets per octave.
    half_bits: u32,
}

impl Hdr {
    /// Buckets that keep `digits` significant decimal digits, 1 to 3.
    pub(crate) const fn new(digits: u8) -> Self {
        let resolution = 2 * 10_u64.pow(digits as u32);
        Self { half_bits: resolution.next_power_of_two().trailing_zeros() - 1 }
    }

    /// The finest native schema whose buckets are all wider than these, at most the format's 8.
    ///
    /// A bucket is widest, relative to its values, at the beginning of an octave, where it reaches
    /// from 1 to `1 + 2^-half_bits`. The schema's bucket reaches from 1 to `2^(2^-schema)`, which is
    /// more for `half_bits - 1` and less for `half_bits`.
    pub(crate) const fn finest_schema(self) -> i8 {
        if self.half_bits > 8 { 8 } else { self.half_bits as i8 - 1 }
    }

    /// How far a value is shifted before its low bits count.
    #[inline(always)]
    const fn shift(self, value: u64) -> u32 {
        let bits = self.half_bits + 1;
        64 - (value | ((1 << bits) - 1)).leading_zeros() - bits
    }

    /// The bucket of a value.
    #[inline(always)]
    pub(crate) const fn index(self, value: u64) -> usize {
        let shift = self.shift(value);
        ((shift as usize) << self.half_bits) + (value >> shift) as usize
    }

    /// The smallest value of a bucket.
    pub(crate) const fn low(self, index: usize) -> u64 {
        let half = 1 << self.half_bits;
        if index < 2 * half {
            return index as u64;
        }
        let shift = (index >> self.half_bits) - 1;
        ((half + (index & (half - 1))) as u64) << shift
    }

    /// The largest value of a bucket.
    pub(crate) const fn high(self, index: usize) -> u64 {
        let shift = (index >> self.half_bits).saturating_sub(1);
        self.low(index) + ((1 << shift) - 1)
    }
}

/// Nanoseconds in a second: durations are recorded in nanoseconds.
pub(crate) const NANOSECONDS: f64 = 1e9;

/// Where a value is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// HDR bucket, by index.
    Main(usize),
    /// Extra cell, counted from the head.
    Extra(u32),
}

/// An `le` boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    /// As registered, in the family's unit.
    pub(crate) le: f64,
    /// The largest integer value at or below it.
    pub(crate) units: u64,
    /// Its HDR bucket.
    pub(crate) index: usize,
    /// Its extra cell; none where it is the upper edge of its HDR bucket.
    pub(crate) extra: Option<u32>,
}

/// A whole number of units below 2^52, plus a half or so: what the recording path finds a bucket by.
/// From 2^-1 up, so that no value but zero has the exponent of zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaled(f64);

impl Scaled {
    /// That of no units.
    pub(crate) const ZERO: Self = Self(0.5);

    /// A value of the family's unit on the short way. Its units are those of [`to_units`].
    ///
    /// # Safety
    /// - the bits of `value` are at most the layout's `short`: it is then neither negative, nor -0, nor
    ///   NaN; and `scale` is the layout's.
    #[inline(always)]
    pub(crate) unsafe fn new(value: f64, scale: f64) -> Self {
        Self(value * scale + 0.5)
    }

    /// The units.
    #[inline(always)]
    pub(crate) fn units(self) -> u64 {
        // SAFETY: neither negative nor NaN, and below 2^52: see the only two places that make one,
        // `Scaled::new` and `Layout::scaled_units`. (One instruction, where the saturating cast
        // takes six, in the middle of the recording path.)
        (unsafe { self.0.to_int_unchecked::<i64>() }) as u64
    }

    /// Where its exponent stands in a table of [`OCTAVES`].
    #[inline(always)]
    pub(crate) const fn octave(self) -> usize {
        (self.0.to_bits() >> 52) as usize % OCTAVES
    }
}

/// Entries of a table by exponent: 53 rounded up, so that a mask is all the check it takes.
pub(crate) const OCTAVES: usize = 64;

/// What the recording path needs of the values that have the same exponent. The exponent of a float
/// and the highest bits of its mantissa, which follow it, are its log-linear bucket already.
#[derive(Debug)]
struct Octaves {
    /// HDR bucket of a float: `base + (bits >> shift)`, wrapping.
    shift: [u32; OCTAVES],
    base: [u32; OCTAVES],
    /// The HDR bucket that boundaries split. Where they split several of an octave, shift and base
    /// lead all its values to the first of them.
    split: [u32; OCTAVES],
}

impl Octaves {
    fn new(hdr: Hdr, bounds: &[Bound]) -> Self {
        let none = u32::MAX;
        let mut new = Self { shift: [63; OCTAVES], base: [0; OCTAVES], split: [none; OCTAVES] };
        for exponent in 0..52 {
            let low = 1_u64 << exponent;
            let (at, shift) = (Scaled(low as f64).octave(), 52 - hdr.half_bits.min(exponent));
            let bits = ((low as f64).to_bits() >> shift) as u32;
            (new.shift[at], new.base[at]) = (shift, (hdr.index(low) as u32).wrapping_sub(bits));
        }
        let short = |bound: &&Bound| bound.units < WHOLE as u64 && bound.extra.is_some();
        for bound in bounds.iter().filter(short) {
            let (at, index) = (Scaled(bound.units as f64 + 0.5).octave(), bound.index as u32);
            if new.split[at] == none {
                new.split[at] = index;
            } else if new.split[at] != index {
                (new.shift[at], new.base[at]) = (63, new.split[at]);
            }
        }
        new
    }
}

/// The layout that all series of a family share.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) hdr: Hdr,
    /// Largest value counted in a bucket; what lies above is over range.
    pub(crate) max: u64,
    /// Units per unit of the family: 1e9 nanoseconds per second.
    pub(crate) scale: f64,
    pub(crate) digits: u8,
    pub(crate) bounds: Box<[Bound]>,
    /// Bits of the largest value of the family's unit that takes the short way to its bucket.
    pub(crate) short: u64,
    /// The largest value in units that does.
    pub(crate) short_units: u64,
    octaves: Octaves,
}

impl Layout {
    /// `bounds`: boundaries as registered and in units, ascending, at most [`MAX_EXTRAS`].
    pub(crate) fn new(digits: u8, max: u64, scale: f64, bounds: &[(f64, u64)]) -> Self {
        let hdr = Hdr::new(digits);
        let mut extras = 0;
        let bounds: Box<[Bound]> = bounds
            .iter()
            .map(|&(le, units)| {
                let index = hdr.index(units);
                let split = units < hdr.high(index);
                let extra = split.then(|| HEAD_EXTRAS + extras);
                extras += u32::from(split);
                Bound { le, units, index, extra }
            })
            .collect();
        let octaves = Octaves::new(hdr, &bounds);
        let short = largest_short(max, scale).to_bits();
        let short_units = max.min(WHOLE as u64 - 1);
        Self { hdr, max, scale, digits, bounds, short, short_units, octaves }
    }

    /// For histograms that nobody will see.
    pub(crate) fn nowhere() -> Self {
        Self::new(1, 1, 1.0, &[])
    }

    /// Cells of a series' head.
    pub(crate) fn head_len(&self) -> u32 {
        HEAD_EXTRAS + self.bounds.iter().filter(|b| b.extra.is_some()).count() as u32
    }

    /// Pages of HDR buckets that a series can touch.
    pub(crate) fn groups(&self) -> usize {
        self.hdr.index(self.max) / PAGE_CELLS + 1
    }

    /// Values below this are their own buckets, in the first group: their place takes no arithmetic, and
    /// its page does not depend on them.
    pub(crate) fn plain(&self) -> u64 {
        (2 << self.hdr.half_bits).min(PAGE_CELLS as u64)
    }

    /// A value in units on the short way.
    ///
    /// # Safety
    /// - `units` are at most `short_units`.
    #[inline(always)]
    pub(crate) unsafe fn scaled_units(&self, units: u64) -> Scaled {
        Scaled(units as i64 as f64 + 0.5) // signed, for that is one instruction
    }

    /// The HDR bucket of a value on the short way, at most that of `max`; `None` if boundaries may
    /// split it, so that [`Layout::place`] must tell.
    #[inline(always)]
    pub(crate) fn unsplit(&self, value: Scaled) -> Option<u32> {
        let (at, octaves) = (value.octave(), &self.octaves);
        let index = octaves.base[at].wrapping_add((value.0.to_bits() >> octaves.shift[at]) as u32);
        (index != octaves.split[at]).then_some(index)
    }

    /// Whether its units are nanoseconds.
    #[inline(always)]
    pub(crate) fn takes_durations(&self) -> bool {
        self.scale == NANOSECONDS
    }

    /// Whether all values of an octave are in one page.
    pub(crate) fn octave_has_one_page(&self) -> bool {
        1 << self.hdr.half_bits <= PAGE_CELLS
    }

    /// Where a value at or below `max` is counted.
    pub(crate) fn place(&self, value: u64) -> Place {
        let index = self.hdr.index(value);
        let at = self.bounds.partition_point(|bound| bound.units < value);
        let same = self.bounds[at..].iter().take_while(|bound| bound.index == index);
        same.filter_map(|bound| bound.extra).next().map_or(Place::Main(index), Place::Extra)
    }
}

/// The largest value that, scaled and rounded, is at most `max` and exact.
fn largest_short(max: u64, scale: f64) -> f64 {
    let top = ((max as f64).min(WHOLE) - 1.0).max(0.0);
    let mut value = top / scale;
    while value * scale > top {
        value = value.next_down();
    }
    value
}

/// From here on every `f64` is an integer already, and adding a half would round it.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// The integer nearest to `value * scale`, saturating. Boundaries and observations are converted
/// alike, so that an observation equal to a boundary is counted at it.
#[cold]
pub(crate) fn to_units(value: f64, scale: f64) -> u64 {
    let scaled = value * scale;
    if scaled < WHOLE { (scaled + 0.5) as u64 } else { scaled as u64 }
}

const _: () = {
    let two = Hdr::new(2);
    assert!(1 << two.half_bits == PAGE_CELLS || cfg!(loom)); // an octave at two digits is a page
    assert!(two.index(255) == 255 && two.index(256) == 256 && two.index(257) == 256);
    assert!(two.high(two.index(u64::MAX)) == u64::MAX);
    assert!(Hdr::new(1).half_bits == 4 && Hdr::new(3).half_bits == 10);
};
