//! The slow twin of the whole engine: lists and numbers, one thread, every rule written out.

use super::{Kind, LABELS, OVERFLOW};
use std::collections::BTreeMap;

pub const PERIOD: u64 = 10;
pub const BOUNDS: [f64; 3] = [3.0, 300.0, 310.0];

/// The greatest of no observations.
pub const NONE: f64 = -1.0;

/// What a snapshot says of one series: family, label values, numbers, second of creation.
pub type Line = (&'static str, [&'static str; 2], Vec<f64>, u64);

/// One life of a series. It goes on after its removal, for those who have handles.
#[derive(Clone, Debug, Default)]
pub struct Series {
    label: usize,
    /// Everything that was recorded; of a gauge, its value.
    recorded: Vec<u64>,
    gauge: f64,
    left: u64,
    /// Rises with each record that shows.
    activity: u64,
    holders: usize,
    created: u64,
    fading: bool,
    /// Activity that the last snapshot showed, and since when it has.
    seen: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Family {
    /// In order of creation.
    live: Vec<usize>,
    overflowed: u64,
}

#[derive(Debug)]
pub struct Model {
    limit: usize,
    now: u64,
    families: BTreeMap<Kind, Family>,
    /// Every life that there was.
    lives: Vec<Series>,
}

impl Model {
    pub fn new(limit: usize) -> Self {
        let families = Kind::ALL.into_iter().map(|kind| (kind, Family::default())).collect();
        Self { limit, now: 0, families, lives: Vec::new() }
    }

    pub fn advance(&mut self, seconds: u64) {
        self.now += seconds;
    }

    fn family(&mut self, kind: Kind) -> &mut Family {
        self.families.get_mut(&kind).expect("there from the beginning")
    }

    fn live(&self, kind: Kind, label: usize) -> Option<usize> {
        self.families[&kind].live.iter().copied().find(|&life| self.lives[life].label == label)
    }

    fn create(&mut self, kind: Kind, label: usize) -> usize {
        let life = self.lives.len();
        self.lives.push(Series { label, created: self.now, ..Series::default() });
        self.family(kind).live.push(life);
        life
    }

    /// Series that the limit counts.
    fn count(&self, kind: Kind) -> usize {
        let live = &self.families[&kind].live;
        live.iter().filter(|&&life| self.lives[life].label != OVERFLOW).count()
    }

    fn find_or_create(&mut self, kind: Kind, label: usize) -> usize {
        let life = self.live(kind, label).unwrap_or_else(|| self.create(kind, label));
        self.lives[life].fading = false;
        life
    }

    /// Looks a series up; none if what the program gets is nowhere visible.
    pub fn find(&mut self, kind: Kind, label: usize) -> Option<usize> {
        if self.live(kind, label).is_some() || self.count(kind) < self.limit {
            return Some(self.find_or_create(kind, label));
        }
        self.family(kind).overflowed += 1;
        let sums = matches!(kind, Kind::Count | Kind::Float | Kind::Sizes);
        sums.then(|| self.find_or_create(kind, OVERFLOW))
    }

    pub fn record(&mut self, kind: Kind, life: Option<usize>, n: u64) {
        let Some(life) = life else { return };
        let series = &mut self.lives[life];
        series.recorded.push(n);
        series.gauge += n as f64;
        // Adding nothing to a count does not show.
        series.activity += u64::from(n > 0 || matches!(kind, Kind::Sizes | Kind::Gauge));
    }

    pub fn set(&mut self, life: Option<usize>, value: f64) {
        let Some(life) = life else { return };
        let series = &mut self.lives[life];
        series.gauge = value;
        series.activity += 1;
    }

    pub fn leave(&mut self, life: Option<usize>, n: u64) {
        let Some(life) = life else { return };
        let series = &mut self.lives[life];
        series.left += n;
        series.activity += u64::from(n > 0);
    }

    pub fn hold(&mut self, life: Option<usize>) {
        life.into_iter().for_each(|life| self.lives[life].holders += 1);
    }

    pub fn release(&mut self, life: Option<usize>) {
        life.into_iter().for_each(|life| self.lives[life].holders -= 1);
    }

    /// Removes what `gone` says of the labels; says how many.
    pub fn remove(&mut self, kind: Kind, gone: impl Fn(usize) -> bool) -> usize {
        let Self { families, lives, .. } = self;
        let live = &mut families.get_mut(&kind).expect("there from the beginning").live;
        let before = live.len();
        live.retain(|&life| !gone(lives[life].label));
        before - live.len()
    }

    pub fn replace_all(&mut self, set: &BTreeMap<usize, u64>) {
        self.remove(Kind::Gauge, |_| true);
        for (&label, &value) in set {
            if self.count(Kind::Gauge) < self.limit {
                let life = self.create(Kind::Gauge, label);
                self.set(Some(life), value as f64);
            } else {
                self.family(Kind::Gauge).overflowed += 1;
            }
        }
    }

    /// What a snapshot does after it was taken: series that it shows idle for the period, and that
    /// nobody holds, fade; those that had faded before go.
    pub fn retire(&mut self) {
        let Self { now, families, lives, .. } = self;
        for family in families.values_mut() {
            family.live.retain(|&life| {
                let series = &mut lives[life];
                let same = series.seen.filter(|seen| seen.0 == series.activity);
                let (_, since) = *series.seen.insert(same.unwrap_or((series.activity, *now)));
                if same.is_none() {
                    series.fading = false;
                    return true;
                }
                let idle = *now - since >= PERIOD && series.holders == 0;
                let goes = idle && series.fading && series.label != OVERFLOW;
                series.fading |= idle;
                !goes
            });
        }
    }

    /// What a handle to a series says.
    pub fn numbers(&self, kind: Kind, life: usize) -> Vec<f64> {
        let series = &self.lives[life];
        let sum = series.recorded.iter().sum::<u64>();
        match kind {
            Kind::Count | Kind::Float => vec![sum as f64],
            Kind::Gauge => vec![series.gauge],
            Kind::Flight => vec![(sum - series.left) as f64],
            Kind::Sizes => {
                let count = |le: f64| series.recorded.iter().filter(|&&n| n as f64 <= le).count();
                let counts = BOUNDS.into_iter().chain([f64::INFINITY]).map(|le| count(le) as f64);
                let greatest = series.recorded.iter().max().map_or(NONE, |&n| n as f64);
                counts.chain([greatest, sum as f64]).collect()
            }
        }
    }

    /// What a snapshot must say, in its order.
    pub fn lines(&self) -> Vec<Line> {
        let of = |(&kind, family): (&Kind, &Family)| -> Vec<Line> {
            let line = |&life: &usize| {
                let series = &self.lives[life];
                let labels = LABELS[series.label];
                (kind.name(), labels, self.numbers(kind, life), series.created)
            };
            family.live.iter().map(line).collect()
        };
        self.families.iter().flat_map(of).collect()
    }

    /// What `tmc_engine_overflow_total` must say.
    pub fn overflowed(&self) -> Vec<(&'static str, f64)> {
        let of = |(kind, family): (&Kind, &Family)| (kind.name(), family.overflowed as f64);
        self.families.iter().map(of).collect()
    }
}
