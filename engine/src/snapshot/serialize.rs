//! HdrHistogram's V2 format: a histogram's reading as bytes that its tools read.
//! Upstream: a histogram's reading. Downstream: whoever keeps or sends it.

use super::HistogramSnapshot;
use hdrhistogram::Histogram as HdrHistogram;
use hdrhistogram::serialization::{
    Serializer, V2DeflateSerializeError, V2DeflateSerializer, V2SerializeError, V2Serializer,
};
use std::io::{self, Write};

impl HistogramSnapshot<'_> {
    /// Writes it in HdrHistogram's V2 format, in integer units (nanoseconds, bytes) as
    /// [`HistogramSnapshot::to_hdr`] has them, and tells how many bytes that took. Allocates.
    ///
    /// # Errors
    /// Those of the writer; [`io::ErrorKind::InvalidData`] if a bucket counts 2^63 or more.
    pub fn write_v2(&self, writer: &mut impl Write) -> io::Result<usize> {
        V2Serializer::new().serialize(&self.hdr()?, writer).map_err(plain)
    }

    /// The same, deflated: what most tools expect, and often a tenth of the size. Allocates.
    ///
    /// # Errors
    /// As [`HistogramSnapshot::write_v2`].
    pub fn write_v2_deflate(&self, writer: &mut impl Write) -> io::Result<usize> {
        V2DeflateSerializer::new().serialize(&self.hdr()?, writer).map_err(deflated)
    }

    pub(super) fn hdr(&self) -> io::Result<HdrHistogram<u64>> {
        self.to_hdr().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn plain(error: V2SerializeError) -> io::Error {
    match error {
        V2SerializeError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

pub(super) fn deflated(error: V2DeflateSerializeError) -> io::Error {
    match error {
        V2DeflateSerializeError::InternalSerializationError(error) => plain(error),
        V2DeflateSerializeError::IoError(error) => error,
    }
}
