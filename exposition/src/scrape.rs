//! Scrapes: which rendering answers one, and how long a rendering is kept.
//! Upstream: `respond`. Downstream: `encode` and `compress`.

use std::io;

use tmc_engine::Snapshot;

use crate::body::Body;
use crate::compress::{Codec, Compressed, Gzip, Zstd};
use crate::encode::{Encoder, Syntax};
use crate::filter::Names;
use crate::negotiate::{Coding, Exposition};

/// Renderings kept at a time, of different formats and escaping schemes.
const RENDERINGS: usize = 4;
/// Scrapes after which a rendering, or its compressed form, goes that nobody asked for.
const PATIENCE: u64 = 100;

/// Everything that is kept for scrapes of one registry.
#[derive(Debug, Default)]
pub(crate) struct Scraper {
    renderings: Vec<Rendering>,
    created: bool,
    /// Scrapes so far.
    scrapes: u64,
}

/// One format of the registry, up to date with one reading.
#[derive(Debug)]
struct Rendering {
    syntax: Syntax,
    encoder: Encoder,
    /// The reading.
    number: u64,
    gzip: Kept<Gzip>,
    zstd: Kept<Zstd>,
    /// The last scrape that wanted it.
    wanted: u64,
}

/// A compressed form, while somebody wants it.
#[derive(Debug)]
struct Kept<C: Codec> {
    compressed: Option<Box<Compressed<C>>>,
    wanted: u64,
}

impl<C: Codec> Default for Kept<C> {
    fn default() -> Self {
        Self { compressed: None, wanted: 0 }
    }
}

impl Scraper {
    /// Whether OpenMetrics has `_created` samples from the next scrape on.
    pub(crate) fn created_samples(&mut self, created: bool) {
        self.created = created;
        self.forget();
    }

    /// Forgets all renderings.
    pub(crate) fn forget(&mut self) {
        self.renderings.clear();
    }

    /// Fills `body`, which is empty, and tells how it is compressed: as wanted, or not at all where that
    /// failed. What `body` shows is at least as new as `reading`.
    pub(crate) fn scrape(
        &mut self,
        reading: &Snapshot,
        exposition: Exposition,
        coding: Coding,
        names: &Names<'_>,
        body: &mut Body,
    ) -> Coding {
        self.scrapes += 1;
        let scrape = self.scrapes;
        self.renderings.retain(|rendering| scrape - rendering.wanted < PATIENCE);
        let syntax = Syntax {
            format: exposition.format(),
            escaping: exposition.escaping,
            created: self.created,
        };
        let rendering = self.rendering(syntax);
        rendering.wanted = scrape;
        // Who came first may get the lock last, with a reading that is older than what is rendered.
        if reading.number() > rendering.number {
            rendering.encoder.update(reading);
            rendering.number = reading.number();
        }
        match rendering.fill(coding, names, scrape, body) {
            Ok(()) => coding,
            Err(error) => {
                log::error!("cannot compress a scrape with {coding:?}, sent it as it is: {error}");
                (rendering.gzip, rendering.zstd) = Default::default();
                body.clear();
                rendering.identity(names, body);
                Coding::Identity
            }
        }
    }

    fn rendering(&mut self, syntax: Syntax) -> &mut Rendering {
        let known = self.renderings.iter().position(|known| known.syntax == syntax);
        let at = known.unwrap_or_else(|| {
            if self.renderings.len() == RENDERINGS {
                let oldest = self.renderings.iter().enumerate().min_by_key(|(_, r)| r.wanted);
                let at = oldest.map_or(0, |(at, _)| at);
                self.renderings.swap_remove(at);
            }
            self.renderings.push(Rendering::new(syntax));
            self.renderings.len() - 1
        });
        &mut self.renderings[at]
    }
}

impl Rendering {
    fn new(syntax: Syntax) -> Self {
        let encoder = Encoder::with(syntax);
        let (gzip, zstd) = Default::default();
        Self { syntax, encoder, number: 0, gzip, zstd, wanted: 0 }
    }

    fn fill(
        &mut self,
        coding: Coding,
        names: &Names<'_>,
        scrape: u64,
        body: &mut Body,
    ) -> io::Result<()> {
        let filled = match coding {
            Coding::Identity => {
                self.identity(names, body);
                Ok(())
            }
            Coding::Gzip => self.gzip.fill(&self.encoder, names, scrape, body),
            Coding::Zstd => self.zstd.fill(&self.encoder, names, scrape, body),
        };
        self.gzip.forget_unless_wanted(scrape);
        self.zstd.forget_unless_wanted(scrape);
        filled
    }

    fn identity(&self, names: &Names<'_>, body: &mut Body) {
        let strips = self.encoder.strips(|name, kind| names.selects(name, kind));
        strips.for_each(|strip| body.share(strip));
    }
}

impl<C: Codec> Kept<C> {
    fn fill(
        &mut self,
        encoder: &Encoder,
        names: &Names<'_>,
        scrape: u64,
        body: &mut Body,
    ) -> io::Result<()> {
        self.wanted = scrape;
        let compressed = self.compressed.get_or_insert_default();
        if names.is_all() {
            compressed.share(encoder, body)
        } else {
            compressed.write(encoder.pieces(|name, kind| names.selects(name, kind)), body)
        }
    }

    fn forget_unless_wanted(&mut self, scrape: u64) {
        if scrape - self.wanted >= PATIENCE {
            self.compressed = None;
        }
    }
}
