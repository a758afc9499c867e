//! One scrape as Prometheus 2.53 does it, and the check of what came.
//! Upstream: scrape. Downstream: a server on loopback.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flate2::bufread::GzDecoder;
use ureq::Agent;

use crate::encoders::Workload;
use crate::encoders::workload::NAME;
use crate::text;

/// What Prometheus 2.53 accepts unless native histograms are asked for.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
/// Its default scrape timeout.
const TIMEOUT_SECONDS: u32 = 10;
/// Far beyond that: a bench is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// What Prometheus asks for.
    Gzip,
    /// What a newer agent asks for.
    Zstd,
}

impl Coding {
    /// Its name in `Accept-Encoding` and in `Content-Encoding`.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn from_token(token: &str) -> io::Result<Self> {
        [Self::Identity, Self::Gzip, Self::Zstd]
            .into_iter()
            .find(|coding| coding.token() == token)
            .ok_or_else(|| io::Error::other(format!("unknown Content-Encoding {token:?}")))
    }
}

/// What came over the wire, beside the body.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// From the request to the last byte of the body.
    pub wall: Duration,
    /// How the server packed the body, whatever it was asked for.
    pub coding: Coding,
    /// Length of the body as it was sent.
    pub bytes: usize,
}

/// One connection that is kept alive, and buffers that are kept too.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    body: Vec<u8>,
    decoded: Vec<u8>,
}

impl Client {
    /// A client for the metrics at `address`; connects with the first scrape.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .max_idle_age(PATIENCE)
            .build();
        let url = format!("http://{address}/metrics");
        Self { agent: config.into(), url, body: Vec::new(), decoded: Vec::new() }
    }

    /// Asks and reads the whole body, as it comes.
    ///
    /// # Errors
    /// When no answer comes, or none with status 200.
    pub fn scrape(&mut self, coding: Coding) -> io::Result<Answer> {
        self.body.clear();
        let start = Instant::now();
        let answer = self
            .agent
            .get(&self.url)
            .header("User-Agent", "Prometheus/2.53.3")
            .header("Accept", ACCEPT)
            .header("Accept-Encoding", coding.token())
            .header("X-Prometheus-Scrape-Timeout-Seconds", TIMEOUT_SECONDS.to_string())
            .call()
            .map_err(io::Error::other)?;
        let token = answer.headers().get("Content-Encoding").map(|value| value.to_str());
        let token = token.transpose().map_err(io::Error::other)?.unwrap_or("identity").to_owned();
        answer.into_body().into_reader().read_to_end(&mut self.body)?;
        let wall = start.elapsed();
        Ok(Answer { wall, coding: Coding::from_token(&token)?, bytes: self.body.len() })
    }

    /// The last body holds every one of `values`, and no other sample of the family.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&mut self, coding: Coding, values: &[u64]) -> io::Result<()> {
        let text = decode(&self.body, coding, &mut self.decoded)?;
        check(text, values).map_err(io::Error::other)
    }
}

/// The text in `body`, which is one stream without anything after it.
fn decode<'a>(body: &'a [u8], coding: Coding, decoded: &'a mut Vec<u8>) -> io::Result<&'a str> {
    decoded.clear();
    let plain = match coding {
        Coding::Identity => body,
        Coding::Gzip => {
            let mut stream = GzDecoder::new(body);
            stream.read_to_end(decoded)?;
            if !stream.into_inner().is_empty() {
                return Err(io::Error::other("bytes behind the gzip stream"));
            }
            decoded
        }
        Coding::Zstd => {
            zstd::stream::copy_decode(body, &mut *decoded)?;
            decoded
        }
    };
    std::str::from_utf8(plain).map_err(io::Error::other)
}

fn check(text: &str, values: &[u64]) -> Result<(), String> {
    let samples = || text::samples(text).filter(|line| line.starts_with(NAME));
    let count = samples().count();
    if count != values.len() {
        return Err(format!("{count} samples instead of {}", values.len()));
    }
    // Whole numbers below 2^53 add up exactly, in any order.
    let expected: u64 = values.iter().sum();
    let found: f64 = samples().map(text::number).sum();
    if found != expected as f64 {
        return Err(format!("the values add up to {found} instead of {expected}"));
    }
    for series in [0, values.len() / 3, values.len() - 1] {
        let pairs = Workload::pairs(series);
        let is_it = |line: &&str| pairs.iter().all(|pair| line.contains(pair.as_str()));
        let found = samples().find(is_it).map(text::number);
        if found != Some(values[series] as f64) {
            return Err(format!("{pairs:?} is {found:?} instead of {}", values[series]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tmc_engine::Registry;
    use tmc_exposition::Server;

    use super::*;
    use crate::encoders::workload::{HELP, LABELS};

    fn gzip(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_body_is_decoded_and_must_end_with_its_stream() {
        let mut memory = Vec::new();
        assert_eq!(decode(b"a 1\n", Coding::Identity, &mut memory).unwrap(), "a 1\n");
        let mut packed = gzip("a 1\n");
        assert_eq!(decode(&packed, Coding::Gzip, &mut memory).unwrap(), "a 1\n");
        packed.push(0);
        assert!(decode(&packed, Coding::Gzip, &mut memory).is_err());
        assert!(decode(&packed[..15], Coding::Gzip, &mut memory).is_err());
        let packed = zstd::encode_all(&b"a 1\n"[..], 1).unwrap();
        assert_eq!(decode(&packed, Coding::Zstd, &mut memory).unwrap(), "a 1\n");
    }

    #[test]
    fn the_check_sees_a_missing_line_and_a_wrong_value() {
        let mut values: Vec<u64> = (0..1000).map(Workload::initial).collect();
        let text = Workload::naive(&values);
        assert_eq!(check(&text, &values), Ok(()));
        // As Go writes large numbers, and with the exposition's own metrics beside it.
        let floats = text.replace(" 1000000\n", " 1e+06\n") + "other 7\n";
        assert_eq!(check(&floats, &values), Ok(()));
        assert!(check(&text, &values[..999]).unwrap_err().contains("1000"));
        values.swap(0, 1);
        assert!(check(&text, &values).unwrap_err().contains("cluster"));
        values[0] += 1;
        assert!(check(&text, &values).unwrap_err().contains("add up"));
    }

    #[test]
    fn a_scrape_over_loopback_is_read_whole_and_keeps_its_connection() {
        let registry = Registry::new();
        let family = registry.counter_family(NAME, HELP, LABELS).unwrap();
        let mut values: Vec<u64> = (0..1000).map(Workload::initial).collect();
        for (labels, initial) in Workload::new(1000).all() {
            family.with(labels.each_ref().map(String::as_str)).inc_by(initial);
        }
        let server = Server::builder(registry).listen("127.0.0.1:0").start().unwrap();
        let mut client = Client::new(server.local_addr());
        let sent = [Coding::Identity, Coding::Gzip].map(|coding| {
            let answer = client.scrape(coding).unwrap();
            client.check(answer.coding, &values).unwrap();
            answer.coding
        });
        values[3] += 1;
        assert!(client.check(sent[1], &values).unwrap_err().to_string().contains("add up"));
        server.shutdown();
        assert!(client.scrape(Coding::Identity).is_err());
    }
}
