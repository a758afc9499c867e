//! Prints what came out: a table per workload, and the bars with their verdicts.
//! Upstream: contest. Downstream: whoever reads the terminal, and docs/benchmarks.md.

use std::io::{self, Write};

use crate::contest::{Outcome, Role, cores};

/// One workload, run with several numbers of threads.
#[derive(Clone, Debug)]
pub struct Section {
    /// What was done.
    pub title: String,
    /// Number of threads, and what came out with it.
    pub columns: Vec<(usize, Vec<Outcome>)>,
}

impl Section {
    /// Operations per second over all threads of one contender; none where it did not take part.
    #[must_use]
    pub fn rate(&self, threads: usize, name: &str) -> Option<f64> {
        self.outcomes(threads).iter().find(|outcome| outcome.name == name).map(|found| found.best)
    }

    /// Some row with so many threads was measured while the machine did something else too.
    #[must_use]
    pub fn disturbed(&self, threads: usize) -> bool {
        self.outcomes(threads).iter().any(|outcome| outcome.disturbed)
    }

    /// The peer with the highest rate.
    #[must_use]
    pub fn fastest_peer(&self, threads: usize) -> Option<Outcome> {
        let peers = self.outcomes(threads).iter().filter(|outcome| outcome.role == Role::Peer);
        peers.copied().max_by(|a, b| a.best.total_cmp(&b.best))
    }

    /// The throughput of one row against that of another, as a ratio that has to reach `limit`.
    #[must_use]
    pub fn against(&self, ours: &str, theirs: &str, threads: usize, limit: f64) -> Bar {
        let plural = if threads == 1 { "thread" } else { "threads" };
        let title = &self.title;
        let claim = format!("{title}, {threads} {plural}: throughput of {ours} / {theirs}");
        let rate = |name| self.rate(threads, name);
        Bar::at_least(claim, rate(ours), rate(theirs), limit).disturbed(self.disturbed(threads))
    }

    /// The same against whichever peer is fastest.
    #[must_use]
    pub fn against_fastest(&self, ours: &str, threads: usize, limit: f64) -> Bar {
        let peer = self.fastest_peer(threads).map_or("no peer", |peer| peer.name);
        let bar = self.against(ours, peer, threads, limit);
        Bar { claim: format!("{}, the fastest peer", bar.claim), ..bar }
    }

    /// Core time per operation of two threads against one: 1 where threads do not meet.
    #[must_use]
    pub fn two_threads_against_one(&self, ours: &str, limit: f64) -> Bar {
        let claim = format!("{}: time per {ours}, 2 threads / 1", self.title);
        let per_thread = self.rate(2, ours).map(|rate| rate / 2.0);
        Bar::at_most(claim, self.rate(1, ours), per_thread, limit)
            .disturbed(self.disturbed(1) || self.disturbed(2))
    }

    fn outcomes(&self, threads: usize) -> &[Outcome] {
        self.columns.iter().find(|(count, _)| *count == threads).map_or(&[], |(_, all)| all)
    }

    /// Writes the table: core time per operation, and operations per second over all threads.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Some((_, first)) = self.columns.first() else { return Ok(()) };
        writeln!(out, "\n{}", self.title)?;
        write!(out, "{:24}", "")?;
        for (threads, _) in &self.columns {
            let plural = if *threads == 1 { "thread" } else { "threads" };
            write!(out, " | {:>20}", format!("{threads} {plural}"))?;
        }
        write!(out, "\n{:24}", "")?;
        for _ in &self.columns {
            write!(out, " | {:>8} {:>11}", "ns/op", "M op/s")?;
        }
        writeln!(out)?;
        for (row, outcome) in first.iter().enumerate() {
            write!(out, "{:24}", outcome.name)?;
            for (threads, outcomes) in &self.columns {
                let cell = outcomes[row];
                let core_time = (*threads).min(cores()) as f64 / cell.best * 1e9;
                let mark = if cell.disturbed { "~" } else { " " };
                write!(out, " | {core_time:8.2} {:10.1}{mark}", cell.best / 1e6)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// One promise about speed.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What is compared with what.
    pub claim: String,
    /// What was measured.
    pub ratio: f64,
    /// The limit.
    pub limit: f64,
    /// Whether the ratio has to reach the limit, or must not exceed it.
    pub at_least: bool,
    /// The machine was too busy for a verdict that means much.
    pub disturbed: bool,
}

impl Bar {
    /// `ours` against `theirs`, as a ratio that has to reach `limit`.
    #[must_use]
    pub fn at_least(claim: String, ours: Option<f64>, theirs: Option<f64>, limit: f64) -> Self {
        Self { claim, ratio: ratio(ours, theirs), limit, at_least: true, disturbed: false }
    }

    /// `ours` against `theirs`, as a ratio that must not exceed `limit`.
    #[must_use]
    pub fn at_most(claim: String, ours: Option<f64>, theirs: Option<f64>, limit: f64) -> Self {
        Self { claim, ratio: ratio(ours, theirs), limit, at_least: false, disturbed: false }
    }

    /// The same bar, marked when the machine was too busy.
    #[must_use]
    pub fn disturbed(self, disturbed: bool) -> Self {
        Self { disturbed, ..self }
    }

    /// Held or missed; a ratio that could not be formed is missed.
    #[must_use]
    pub fn holds(&self) -> bool {
        if self.at_least { self.ratio >= self.limit } else { self.ratio <= self.limit }
    }
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> f64 {
    ours.zip(theirs).map_or(f64::NAN, |(ours, theirs)| ours / theirs)
}

/// Writes all bars with their verdicts, and returns whether all of them hold.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_bars(bars: &[Bar], out: &mut impl Write) -> io::Result<bool> {
    writeln!(out, "\nbars")?;
    for bar in bars {
        let verdict = if bar.holds() { "PASS" } else { "FAIL" };
        let sign = if bar.at_least { ">=" } else { "<=" };
        let mark = if bar.disturbed { "~" } else { " " };
        writeln!(out, "{verdict}{mark} {:6.2} {sign} {:<5} {}", bar.ratio, bar.limit, bar.claim)?;
    }
    Ok(bars.iter().all(Bar::holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let outcome = |name, role, best| Outcome { name, role, best, disturbed: false };
        let outcomes = vec![
            outcome("floor", Role::Baseline, 9e9),
            outcome("ours", Role::Engine, 8e8),
            outcome("slow", Role::Peer, 1e8),
            outcome("fast", Role::Peer, 2e8),
        ];
        Section { title: "title".to_owned(), columns: vec![(1, outcomes)] }
    }

    #[test]
    fn the_fastest_peer_is_a_peer() {
        assert_eq!(section().fastest_peer(1).map(|peer| peer.name), Some("fast"));
        assert!(section().fastest_peer(2).is_none());
        let bar = section().against_fastest("ours", 1, 4.0);
        assert!(bar.holds() && bar.claim.contains("ours / fast"), "{bar:?}");
        assert!(!section().against_fastest("ours", 2, 0.0).holds());
    }

    #[test]
    fn a_bar_without_a_measurement_is_missed() {
        let section = section();
        let bar = |name, limit| {
            Bar::at_least(String::new(), section.rate(1, "ours"), section.rate(1, name), limit)
        };
        assert!(bar("fast", 4.0).holds());
        assert!(!bar("fast", 4.1).holds());
        assert!(!bar("absent", 0.0).holds());
        assert!(!Bar::at_most(String::new(), Some(1.0), None, 2.0).holds());
    }

    #[test]
    fn the_table_shows_both_units() {
        let mut out = Vec::new();
        section().write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let row = text.lines().find(|line| line.starts_with("slow")).unwrap();
        assert!(row.contains("10.00") && row.contains("100.0"), "{row}");
    }
}
