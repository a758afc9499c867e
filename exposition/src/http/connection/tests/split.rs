//! How the bytes arrive does not matter.

use proptest::prelude::*;

use super::*;

/// Bytes that begin like a conversation, or like none.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => Just(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        2 => Just(b"HEAD /metrics?a=b HTTP/1.1\nHost: a\n\n".to_vec()),
        1 => Just(b"GET /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbytes".to_vec()),
        1 => Just(b"\r\nBREW /pot HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        1 => Just(b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        1 => Just(b"GET / HTTP/3.7\r\n\r\n".to_vec()),
        1 => Just(b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\nX: ".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..40),
        1 => "[ -~]{1,40}\r\n".prop_map(String::into_bytes),
        1 => (1_usize..80).prop_map(|n| b"A: 1\r\n".repeat(n)),
        1 => (8000_usize..9000).prop_map(|n| vec![b'y'; n]),
    ];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

/// All that the server says to `chunks`, after which the client ends its side.
fn said_to<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u16>, String) {
    let mut bench = Bench::new();
    for chunk in chunks {
        bench.send(chunk);
        // Once it closes, it would be dropped; what comes after is lost on it.
        if bench.drive() == Next::Close {
            return (bench.statuses(), bench.got());
        }
    }
    bench.client.0.borrow_mut().ended = true;
    assert_eq!(bench.drive(), Next::Close);
    assert_eq!(bench.pool.pending(), 0);
    (bench.statuses(), bench.got())
}

/// The status of the first answer, if the grammar alone decides it: `httparse` on the whole.
fn judged_by_grammar(bytes: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let limit = Limits::default().head_bytes;
    match request.parse(&bytes[..bytes.len().min(limit)]) {
        Ok(httparse::Status::Complete(_)) => None,
        Ok(httparse::Status::Partial) => Some(if bytes.len() >= limit { 431 } else { 400 }),
        Err(httparse::Error::TooManyHeaders) => Some(431),
        // 400 or 505.
        Err(httparse::Error::Version) => None,
        Err(_) => Some(400),
    }
}

proptest! {
    #[test]
    fn how_the_bytes_are_split_does_not_matter(
        bytes in conversation(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (statuses, whole) = said_to(std::iter::once(&bytes[..]));
        if let Some(expected) = judged_by_grammar(&bytes) {
            prop_assert_eq!(statuses.first(), Some(&expected));
        }

        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let chunks = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(&said_to(chunks).1, &whole);
        prop_assert_eq!(&said_to(bytes.chunks(1)).1, &whole);
    }
}
