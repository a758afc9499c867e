//! Decoders that have nothing in common with what compresses: Python's and GNU's gzip, and a zstd in
//! Rust. (Prometheus brings Go's gzip: it asks for no other coding.)
//! Upstream: the tests. Downstream: the programs, and the crate `ruzstd`.

use std::io::Read;
use std::process::{Command, Output};

use ruzstd::decoding::StreamingDecoder;

use crate::judges;

/// Decodes with Python, which looks at the checksum and the length.
const GUNZIP: &str = "import gzip, sys; \
    sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";

/// What Python reads in a gzip stream.
///
/// # Errors
/// What it says of a stream that is not valid.
pub fn python_gunzip(stream: &[u8]) -> Result<Vec<u8>, String> {
    let mut command = judges::python_command();
    decoded(judges::feed(command.args(["-c", GUNZIP]), stream, judges::PYTHON_PACKAGE))
}

/// What GNU's gzip reads in a gzip stream.
///
/// # Errors
/// What it says of a stream that is not valid.
pub fn gnu_gunzip(stream: &[u8]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("gzip");
    decoded(judges::feed(command.arg("-dc"), stream, "the Debian package gzip"))
}

fn decoded(output: Output) -> Result<Vec<u8>, String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && said.is_empty() { Ok(output.stdout) } else { Err(said) }
}

/// What `ruzstd` reads in a stream of zstd frames.
///
/// # Errors
/// What it says of a frame that is not valid.
pub fn unzstd(mut stream: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    loop {
        let mut frame = StreamingDecoder::new(&mut stream).map_err(|error| error.to_string())?;
        frame.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        let told = frame.decoder.get_checksum_from_data();
        if told.is_some() && told != frame.decoder.get_calculated_checksum() {
            return Err("a wrong checksum".to_owned());
        }
        if stream.is_empty() {
            return Ok(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `gzip -n` of `abc` and a line feed.
    const ABC: [u8; 24] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x4a, 0xe6, 2, 0, 0x4e, 0x81, 0x88, 0x47,
        4, 0, 0, 0,
    ];
    /// A frame with one raw block, `abc`, of a content whose length it tells.
    const FRAME: [u8; 12] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];

    #[test]
    fn every_decoder_sees_what_is_wrong_with_a_stream() {
        let decoders = [python_gunzip, gnu_gunzip];
        for decode in decoders {
            assert_eq!(decode(&ABC), Ok(b"abc\n".to_vec()));
            // Magic number, data, checksum, length; and an end too early.
            for at in [0, 10, 16, 20] {
                let mut broken = ABC;
                broken[at] ^= 1;
                assert!(decode(&broken).is_err(), "byte {at}");
            }
            assert!(decode(&ABC[..20]).is_err());
        }
        assert_eq!(unzstd(&[FRAME, FRAME].concat()), Ok(b"abcabc".to_vec()));
        assert!(unzstd(&FRAME[1..]).is_err());
        assert!(unzstd(&FRAME[..11]).is_err());
        assert!(unzstd(&[&FRAME[..], &[0]].concat()).is_err());
    }
}
