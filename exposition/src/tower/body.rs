//! A body as servers over `http` types send it. Upstream: `respond`'s [`Body`]. Downstream: the server.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{Body, Segment};

/// A [`Body`] to be sent: each segment is one frame that shares its bytes. Its length is known, and
/// all of it is there.
#[derive(Clone, Debug, Default)]
pub struct ResponseBody {
    segments: std::vec::IntoIter<Segment>,
    /// Bytes still in `segments`.
    left: u64,
}

impl From<Body> for ResponseBody {
    fn from(body: Body) -> Self {
        let left = body.len() as u64;
        Self { segments: body.into_segments().collect::<Vec<_>>().into_iter(), left }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    /// Allocates a few words for each frame.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let segment = self.segments.next();
        self.left -= segment.as_ref().map_or(0, |segment| segment.len() as u64);
        Poll::Ready(segment.map(|segment| Ok(Frame::data(Bytes::from_owner(segment)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;

    fn next(body: &mut ResponseBody) -> Option<Bytes> {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(frame) = Pin::new(body).poll_frame(&mut context) else {
            panic!("everything is there")
        };
        frame.map(|frame| frame.unwrap().into_data().unwrap())
    }

    #[test]
    fn frames_are_the_segments_themselves() {
        let shared = Segment::from(b"shared".to_vec());
        let mut body = Body::new();
        body.text().extend_from_slice(b"head");
        body.push(shared.clone());
        body.tail().push(b'!');
        let mut body = ResponseBody::from(body);

        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(11), false));
        assert_eq!(next(&mut body).unwrap(), &b"head"[..]);
        assert_eq!(body.size_hint().exact(), Some(7));
        assert_eq!(next(&mut body).unwrap().as_ptr(), shared.as_ptr());
        assert_eq!(next(&mut body).unwrap(), &b"!"[..]);
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert_eq!(next(&mut body), None);
    }

    #[test]
    fn nothing_is_at_its_end_at_once() {
        let mut body = ResponseBody::from(Body::new());
        assert!(body.is_end_stream());
        assert_eq!(next(&mut body), None);
    }
}
