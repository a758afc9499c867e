//! Prometheus's `metrics.proto`, to be read by prost: nothing of ours takes part in the reading.
//! Upstream: the product's bytes. Downstream: tests, and the fuzz target of the protobuf encoder.

// Each binary looks at its own part of this.
#![allow(dead_code)]

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    pub(crate) r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    pub(crate) unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum MetricType {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
    GaugeHistogram = 5,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(crate) gauge: Option<Gauge>,
    #[prost(message, optional, tag = "3")]
    pub(crate) counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    pub(crate) summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub(crate) untyped: Option<Gauge>,
    #[prost(int64, optional, tag = "6")]
    pub(crate) timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub(crate) histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LabelPair {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

/// An untyped value is the same.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Gauge {
    #[prost(double, optional, tag = "1")]
    pub(crate) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Counter {
    #[prost(double, optional, tag = "1")]
    pub(crate) value: Option<f64>,
    #[prost(message, optional, tag = "2")]
    pub(crate) exemplar: Option<Exemplar>,
    #[prost(message, optional, tag = "3")]
    pub(crate) created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(double, optional, tag = "2")]
    pub(crate) value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) timestamp: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, optional, tag = "1")]
    pub(crate) seconds: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) nanos: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) quantile: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    pub(crate) created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Quantile {
    #[prost(double, optional, tag = "1")]
    pub(crate) quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) bucket: Vec<Bucket>,
    #[prost(double, optional, tag = "4")]
    pub(crate) sample_count_float: Option<f64>,
    #[prost(sint32, optional, tag = "5")]
    pub(crate) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub(crate) zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub(crate) zero_count: Option<u64>,
    #[prost(double, optional, tag = "8")]
    pub(crate) zero_count_float: Option<f64>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) negative_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "10")]
    pub(crate) negative_delta: Vec<i64>,
    #[prost(double, repeated, tag = "11")]
    pub(crate) negative_count: Vec<f64>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    pub(crate) positive_delta: Vec<i64>,
    #[prost(double, repeated, tag = "14")]
    pub(crate) positive_count: Vec<f64>,
    #[prost(message, optional, tag = "15")]
    pub(crate) created_timestamp: Option<Timestamp>,
    #[prost(message, repeated, tag = "16")]
    pub(crate) exemplars: Vec<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) upper_bound: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) exemplar: Option<Exemplar>,
    #[prost(double, optional, tag = "4")]
    pub(crate) cumulative_count_float: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub(crate) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) length: Option<u32>,
}

/// Every family of an exposition, each after its length.
///
/// # Panics
/// If that is not what the bytes are, or if they have a field that is not here: prost passes over it, and
/// what it would write is shorter.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        let before = bytes.len();
        let family = MetricFamily::decode_length_delimited(&mut bytes).expect("a family");
        let again = family.encode_length_delimited_to_vec();
        assert_eq!(before - bytes.len(), again.len(), "a field is unknown in {family:?}");
        families.push(family);
    }
    families
}

impl Metric {
    /// Labels in the order of the bytes.
    pub(crate) fn labels(&self) -> Vec<(&str, &str)> {
        pairs(&self.label)
    }
}

impl Exemplar {
    /// Labels in the order of the bytes.
    pub(crate) fn labels(&self) -> Vec<(&str, &str)> {
        pairs(&self.label)
    }
}

fn pairs(labels: &[LabelPair]) -> Vec<(&str, &str)> {
    let has = "a name and a value";
    let pairs = labels.iter().map(|LabelPair { name, value }| (name.as_deref(), value.as_deref()));
    pairs.map(|(name, value)| (name.expect(has), value.expect(has))).collect()
}

impl Histogram {
    /// Schema, and index and count of every native bucket that is not empty, by the rules that Prometheus
    /// has for histograms: as many deltas as the spans have buckets, only the first offset below zero, no
    /// bucket below zero, none past the one of infinity, and the count that of all of them.
    pub(crate) fn native(&self) -> Result<(i32, Vec<(i32, u64)>), String> {
        let schema = self.schema.ok_or("no schema")?;
        if !(-4..=8).contains(&schema) {
            return Err(format!("schema {schema}"));
        }
        if !self.zero_threshold.is_some_and(|threshold| threshold >= 0.0) {
            return Err(format!("zero threshold {:?}", self.zero_threshold));
        }
        if self.positive_span.is_empty() {
            return Err("it looks like a classic one while it is empty".to_owned());
        }
        let mut deltas = self.positive_delta.iter();
        let (mut index, mut count, mut found) = (0, 0_i64, Vec::new());
        for (at, span) in self.positive_span.iter().enumerate() {
            let (offset, length) =
                (span.offset.ok_or("no offset")?, span.length.ok_or("no length")?);
            if at > 0 && offset < 0 {
                return Err(format!("span {at} begins {offset} after the one before"));
            }
            index += offset;
            for _ in 0..length {
                count += deltas.next().ok_or("fewer deltas than buckets")?;
                let counted = u64::try_from(count).map_err(|_| format!("{count} in {index}"))?;
                if counted > 0 {
                    found.push((index, counted));
                }
                index += 1;
            }
        }
        if deltas.next().is_some() {
            return Err("more deltas than buckets".to_owned());
        }
        let past = (1024.0 * f64::from(schema).exp2()) as i32 + 2;
        if found.last().is_some_and(|(last, _)| *last >= past) {
            return Err(format!("a bucket past infinity in {found:?}"));
        }
        let buckets: u64 = found.iter().map(|(_, count)| count).sum();
        if self.sample_count != Some(buckets + self.zero_count.unwrap_or(0)) {
            return Err(format!(
                "count {:?}, {:?} + {found:?}",
                self.sample_count, self.zero_count
            ));
        }
        let floats = self.sample_count_float.is_some() || self.zero_count_float.is_some();
        let counts = self.positive_count.len() + self.negative_count.len();
        if floats || counts + self.negative_span.len() + self.negative_delta.len() > 0 {
            return Err("floats, or observations below zero".to_owned());
        }
        Ok((schema, found))
    }

    /// Boundary and cumulative count of the classic buckets: ascending, the last one infinite and the
    /// count of all.
    pub(crate) fn classic(&self) -> Result<Vec<(f64, u64)>, String> {
        let bucket = |b: &Bucket| Some((b.upper_bound?, b.cumulative_count?));
        let buckets: Option<Vec<_>> = self.bucket.iter().map(bucket).collect();
        let buckets = buckets.ok_or("a bucket without a boundary or a count")?;
        if !buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            return Err(format!("not ascending: {buckets:?}"));
        }
        match buckets.last() {
            Some(&(le, count)) if le == f64::INFINITY && Some(count) == self.sample_count => {
                Ok(buckets)
            }
            last => Err(format!("{last:?} at the end, {:?} in all", self.sample_count)),
        }
    }
}
