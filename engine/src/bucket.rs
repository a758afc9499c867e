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

/// What the recording path needs of the values whose highest bit is the same.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Octave {
    /// HDR bucket of `value`: `base + (value >> shift)`.
    base: u32,
    shift: u8,
    /// Cell of the only boundary that splits a bucket here, counted from the head. 0 where there
    /// are several, which a search tells apart.
    extra: u16,
    /// `value` may be at or below such a boundary, inside its bucket, if `top - value <= span`,
    /// wrapping. Where there are several, that is every value of the octave.
    top: u64,
    span: u64,
}

impl Octave {
    /// Splits no bucket: matches `u64::MAX` only, which lies above every range.
    const fn whole(hdr: Hdr, octave: usize) -> Self {
        let shift = hdr.shift(1 << octave);
        let base = shift << hdr.half_bits;
        Self { base, shift: shift as u8, extra: 0, top: u64::MAX, span: 0 }
    }

    /// With a boundary that splits the bucket that begins at `low`.
    fn split(&mut self, octave: usize, bound: &Bound, low: u64) {
        if self.top == u64::MAX {
            self.extra = bound.extra.unwrap_or(0) as u16; // at most MAX_EXTRAS
            (self.top, self.span) = (bound.units, bound.units - low);
        } else {
            self.extra = 0;
            (self.top, self.span) = ((2 << octave) - 1, (2 << octave) - 1);
        }
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
    /// Bits of the largest value of the family's unit that takes the short way to an integer.
    short: u64,
    /// By the highest bit set; 0 goes with 1.
    octaves: [Octave; 64],
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
        let mut octaves = std::array::from_fn(|octave| Octave::whole(hdr, octave));
        for bound in bounds.iter().filter(|b| b.extra.is_some()) {
            let octave = octave(bound.units);
            octaves[octave].split(octave, bound, hdr.low(bound.index));
        }
        let short = largest_short(max, scale).to_bits();
        Self { hdr, max, scale, digits, bounds, short, octaves }
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

    /// The HDR bucket of a value at or below `max`; `None` if boundaries may split it, so that
    /// [`Layout::place`] must tell.
    #[inline(always)]
    pub(crate) fn unsplit(&self, value: u64) -> Option<usize> {
        let octave = &self.octaves[octave(value)];
        let split = octave.top.wrapping_sub(value) <= octave.span;
        (!split).then(|| octave.base as usize + (value >> octave.shift) as usize)
    }

    /// Where a value at or below `max` is counted.
    pub(crate) fn place(&self, value: u64) -> Place {
        if let Some(index) = self.unsplit(value) {
            return Place::Main(index);
        }
        let only = self.octaves[octave(value)].extra;
        if only > 0 {
            return Place::Extra(u32::from(only));
        }
        let index = self.hdr.index(value);
        let at = self.bounds.partition_point(|bound| bound.units < value);
        let same = self.bounds[at..].iter().take_while(|bound| bound.index == index);
        same.filter_map(|bound| bound.extra).next().map_or(Place::Main(index), Place::Extra)
    }

    /// A value of the family's unit in integer units, if the short way leads there: it is then the
    /// same as [`to_units`], and in range. Negative values, -0 too, and NaN never take it.
    #[inline(always)]
    pub(crate) fn short_units(&self, value: f64) -> Option<u64> {
        // The bits of non-negative floats are in the order of their values; all others are above.
        if value.to_bits() > self.short {
            return None;
        }
        let scaled = value * self.scale + 0.5;
        // SAFETY: neither negative nor NaN, and below 2^52 (see `largest_short`). (One instruction,
        // where the saturating cast takes six, in the middle of the recording path.)
        Some(unsafe { scaled.to_int_unchecked::<i64>() } as u64)
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

/// The highest bit set; 0 for 0, too.
#[inline(always)]
const fn octave(value: u64) -> usize {
    (63 - (value | 1).leading_zeros()) as usize
}

const _: () = {
    let two = Hdr::new(2);
    assert!(1 << two.half_bits == PAGE_CELLS || cfg!(loom)); // an octave at two digits is a page
    assert!(two.index(255) == 255 && two.index(256) == 256 && two.index(257) == 256);
    assert!(two.high(two.index(u64::MAX)) == u64::MAX);
    assert!(Hdr::new(1).half_bits == 4 && Hdr::new(3).half_bits == 10);
};
