//! Which coding, by `Accept-Encoding`. Upstream: `list`. Downstream: `Preferences`.

use super::Coding;
use super::list::{self, Weight};

/// The heaviest entry for each coding that we have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Codings {
    identity: Option<Weight>,
    gzip: Option<Weight>,
    zstd: Option<Weight>,
    any: Option<Weight>,
}

impl Codings {
    pub(super) fn line(&mut self, value: &[u8]) {
        for entry in list::entries(value) {
            let is = |coding: &[u8]| entry.head.eq_ignore_ascii_case(coding);
            let best = if is(b"identity") {
                &mut self.identity
            } else if is(b"gzip") || is(b"x-gzip") {
                &mut self.gzip
            } else if is(b"zstd") {
                &mut self.zstd
            } else if is(b"*") {
                &mut self.any
            } else {
                continue;
            };
            *best = (*best).max(entry.read(|_, _| {}));
        }
    }

    pub(super) fn best(self) -> Coding {
        // Identity that is not mentioned is good enough, but whoever names a coding prefers that.
        let identity = self.identity.or(self.any).unwrap_or(0);
        let mut best = (identity, Coding::Identity);
        for (weight, coding) in [(self.gzip.or(self.any), Coding::Gzip), (self.zstd, Coding::Zstd)]
        {
            if let Some(weight) = weight.filter(|&weight| weight > 0 && weight >= best.0) {
                best = (weight, coding);
            }
        }
        best.1
    }
}
