//! The servers that this bench binary can be: this project's, and the one that
//! metrics-exporter-prometheus brings; each alone in a process, so that its CPU time is its own.
//! Upstream: the bench binary, called again with [`FLAG`]. Downstream: a scraper over loopback.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use metrics::Label;
use metrics_exporter_prometheus::PrometheusBuilder;
use tmc_engine::{Counter, Registry};
use tmc_exposition::Server;

use super::order::Order;
use crate::encoders::Workload;
use crate::encoders::workload::{HELP, LABELS, NAME};

/// Makes the bench binary a server: followed by the server's name and the number of series.
pub const FLAG: &str = "--serve";

/// Which server this process shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This project's.
    Tmc,
    /// metrics-exporter-prometheus's.
    Exporter,
}

impl Kind {
    /// Its name on the command line.
    #[must_use]
    pub fn argument(self) -> &'static str {
        match self {
            Self::Tmc => "tmc",
            Self::Exporter => "exporter",
        }
    }
}

/// Something that serves counters.
trait Serve {
    fn address(&self) -> SocketAddr;
    fn add(&self, series: usize, amount: u64);
}

/// Is the server that the arguments ask for, until the standard input ends; `None` when they ask
/// for none.
#[must_use]
pub fn requested(arguments: impl IntoIterator<Item = String>) -> Option<io::Result<()>> {
    let mut arguments = arguments.into_iter().skip_while(|argument| argument != FLAG).skip(1);
    let (name, series) = (arguments.next()?, arguments.next()?);
    Some(series.parse().map_err(io::Error::other).and_then(|series| serve(&name, series)))
}

fn serve(name: &str, series: usize) -> io::Result<()> {
    let workload = Workload::new(series);
    let kind = [Kind::Tmc, Kind::Exporter].into_iter().find(|kind| kind.argument() == name);
    let server: Box<dyn Serve> = match kind {
        Some(Kind::Tmc) => Box::new(Tmc::start(workload)?),
        Some(Kind::Exporter) => Box::new(Exporter::start(workload)?),
        None => return Err(io::Error::other(format!("no such server: {name}"))),
    };
    obey(&*server, workload, io::stdin().lock(), io::stdout().lock())
}

/// Carries out orders until there are no more.
fn obey(
    server: &dyn Serve,
    workload: Workload,
    input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    writeln!(output, "{}", server.address())?;
    output.flush()?;
    for line in input.lines() {
        let order: Order = line?.parse().map_err(io::Error::other)?;
        order.additions(workload).for_each(|(series, amount)| server.add(series, amount));
        writeln!(output, "done")?;
        output.flush()?;
    }
    Ok(())
}

struct Tmc {
    server: Server,
    counters: Vec<Counter>,
}

impl Tmc {
    fn start(workload: Workload) -> io::Result<Self> {
        let registry = Registry::builder()
            .series_limit(workload.series())
            .build()
            .map_err(io::Error::other)?;
        let family = registry.counter_family(NAME, HELP, LABELS).map_err(io::Error::other)?;
        let counters = workload
            .all()
            .map(|(values, initial)| {
                let counter = family.with(values.each_ref().map(String::as_str));
                counter.inc_by(initial);
                counter
            })
            .collect();
        let server = Server::builder(registry).listen("127.0.0.1:0").start();
        Ok(Self { server: server.map_err(io::Error::other)?, counters })
    }
}

impl Serve for Tmc {
    fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    fn add(&self, series: usize, amount: u64) {
        self.counters[series].inc_by(amount);
    }
}

struct Exporter {
    address: SocketAddr,
    counters: Vec<metrics::Counter>,
}

impl Exporter {
    fn start(workload: Workload) -> io::Result<Self> {
        let address = install()?;
        metrics::describe_counter!(NAME, HELP);
        let counters = workload
            .all()
            .map(|(values, initial)| {
                let pairs = LABELS.into_iter().zip(values);
                let labels: Vec<Label> =
                    pairs.map(|(name, value)| Label::new(name, value)).collect();
                let counter = metrics::counter!(NAME, labels);
                counter.increment(initial);
                counter
            })
            .collect();
        Ok(Self { address, counters })
    }
}

/// Installs the exporter with its own listener. It does not tell which port it got, so a free one is
/// looked for first, and again should somebody else take it in between.
fn install() -> io::Result<SocketAddr> {
    let mut refused = None;
    for _ in 0..10 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        match PrometheusBuilder::new().with_http_listener(free).install() {
            Ok(()) => return Ok(free),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.map_or_else(|| io::Error::other("never tried"), io::Error::other))
}

impl Serve for Exporter {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn add(&self, series: usize, amount: u64) {
        self.counters[series].increment(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Sums(RefCell<Vec<u64>>);

    impl Serve for Sums {
        fn address(&self) -> SocketAddr {
            (Ipv4Addr::LOCALHOST, 9).into()
        }

        fn add(&self, series: usize, amount: u64) {
            self.0.borrow_mut()[series] += amount;
        }
    }

    #[test]
    fn every_order_is_carried_out_and_answered() {
        let (sums, mut said) = (Sums(RefCell::new(vec![0; 1000])), Vec::new());
        let orders = "all 0\nruns 1\nnothing 2\n";
        obey(&sums, Workload::new(1000), orders.as_bytes(), &mut said).unwrap();
        assert_eq!(said, b"127.0.0.1:9\ndone\ndone\ndone\n");
        let twice = |series: &usize| (10..20).contains(series);
        for (series, sum) in sums.0.into_inner().into_iter().enumerate() {
            let times = if twice(&series) { 2 } else { 1 };
            assert_eq!(sum, times * Workload::step(series), "{series}");
        }
        let broken =
            obey(&Sums(RefCell::new(vec![])), Workload::new(1000), &b"x\n"[..], Vec::new());
        assert!(broken.unwrap_err().to_string().contains('x'));
    }

    #[test]
    fn a_bench_without_the_flag_is_no_server() {
        assert!(requested(["--bench".to_owned()]).is_none());
        let unknown = [FLAG, "nobody", "1000"].map(str::to_owned);
        assert!(requested(unknown).unwrap().unwrap_err().to_string().contains("nobody"));
    }
}
