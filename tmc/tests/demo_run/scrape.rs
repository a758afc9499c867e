//! Fetches metrics over TCP and reads them; shares no code with the encoder.
//! Upstream: process. Downstream: a socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Far more than an answer takes on a busy machine; a server that hangs fails the test.
const TIMEOUT: Duration = Duration::from_secs(60);

type Labels = BTreeMap<String, String>;

/// Every sample of one scrape.
pub(crate) struct Scrape(Vec<(String, Labels, f64)>);

/// Status code and body of a GET.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), TIMEOUT).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

impl Scrape {
    pub(crate) fn of(address: &str) -> Self {
        let (code, body) = get(address, "/metrics");
        assert_eq!(code, 200, "{body}");
        let samples = body.lines().filter(|line| !line.starts_with('#')).map(sample);
        Self(samples.collect())
    }

    /// The sum over all series of a sample name that carry these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.series(name, labels).map(|(_, value)| value).sum()
    }

    /// The series of a sample name that carry these labels.
    pub(crate) fn series<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = (&'a Labels, f64)> {
        self.0
            .iter()
            .filter(move |(sample, _, _)| sample == name)
            .filter(move |(_, found, _)| {
                labels.iter().all(|(name, value)| found.get(*name).is_some_and(|is| is == value))
            })
            .map(|(_, labels, value)| (labels, *value))
    }

    /// Whether a family has a sample; a histogram has `_count`.
    pub(crate) fn shows(&self, family: &str) -> bool {
        let count = format!("{family}_count");
        self.0.iter().any(|(name, _, _)| name == family || *name == count)
    }
}

/// `name{label="value",...} number`. No label value here has a quote or a comma in it.
fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap();
    let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
        let (name, value) = label.split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('"').to_owned())
    });
    let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
    (name.to_owned(), labels.collect(), value)
}
