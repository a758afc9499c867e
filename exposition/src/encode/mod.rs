//! Encoders: a snapshot becomes bytes, of which everything that did not change is kept.
//! Upstream: the engine's snapshot. Downstream: `compress`, `scrape`, and whoever wants the bytes.
//!
//! | module | job |
//! |---|---|
//! | `syntax` | what a format makes of names |
//! | `text` | what the samples of a family look like around their values: text 0.0.4, OpenMetrics |
//! | `protobuf`, `wire` | the same for Prometheus's protobuf, and what that is made of |
//! | `kept` | what is kept of a family |
//! | `sheet` | the rendered samples of a block of series, values written over old ones |
//! | `in_order` | what is kept from scrape to scrape |
//! | `number`, `escape` | values, and texts |

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod door;
mod escape;
pub(crate) mod in_order;
mod kept;
mod number;
mod protobuf;
mod sheet;
mod syntax;
mod text;
mod wire;

use tmc_engine::{BlockSnapshot, Escaping, FamilySnapshot, Kind, Snapshot};

use crate::body::Body;
use crate::negotiate::Format;
use crate::strip::{OwnStrip, Strip};
use in_order::InOrder;
use kept::Kept;
pub(crate) use kept::Piece;
use protobuf::ProtobufPart;
use sheet::{Draft, Page};
pub(crate) use syntax::Syntax;
use text::TextPart;

/// Writes snapshots of one registry in one format. Keeps what it has rendered, block by block: a scrape
/// compares values and writes the digits of those that changed, so use one encoder for all scrapes.
/// Allocates only when the registry or the output has grown.
///
/// ```
/// use tmc_engine::Registry;
/// use tmc_exposition::{Encoder, Format};
///
/// let registry = Registry::new();
/// registry.counter("hits_total", "Hits")?.inc_by(3);
/// let (mut encoder, mut out) = (Encoder::new(Format::OpenMetrics), Vec::new());
/// encoder.encode(&registry.snapshot(), &mut out);
/// assert_eq!(out, b"# TYPE hits counter\n# HELP hits Hits\nhits_total 3\n# EOF\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    syntax: Syntax,
    families: InOrder<Family>,
    draft: Draft,
    /// Number of the last change of any text.
    version: u64,
    /// Number of the last change of which pieces there are.
    arrangement: u64,
    /// What comes after all families.
    end: OwnStrip,
}

/// What is kept of a family.
#[derive(Debug)]
struct Family {
    name: Box<str>,
    /// The name with its characters escaped.
    written: Box<str>,
    kind: Kind,
    parts: Vec<Kept>,
}

/// What samples look like.
#[derive(Debug)]
enum Part {
    Text(TextPart),
    Protobuf(ProtobufPart),
}

impl Part {
    #[inline]
    fn update(
        &self,
        family: &FamilySnapshot<'_>,
        block: &BlockSnapshot<'_>,
        page: &mut Page<'_>,
        draft: &mut Draft,
        version: u64,
    ) {
        match self {
            Self::Text(part) => part.update(family, block, page, draft, version),
            Self::Protobuf(part) => part.update(family, block, page, draft, version),
        }
    }

    /// Whether blocks whose values stand may have other text nevertheless.
    fn looks_always(&self, family: &FamilySnapshot<'_>) -> bool {
        family.has_exemplars()
    }

    /// Brings the header up to date, which has `bytes` of blocks behind it.
    fn header(&self, bytes: usize, page: &mut Page<'_>, draft: &mut Draft, version: u64) {
        match self {
            Self::Text(part) if page.version() == 0 => {
                draft.clear();
                draft.text.extend_from_slice(&part.header);
                page.replace(draft, version);
            }
            Self::Text(_) => {}
            Self::Protobuf(part) => {
                draft.clear();
                part.header(bytes, &mut draft.text);
                page.replace(draft, version);
            }
        }
    }
}

/// Key and version of what comes after all families.
const END: [(u64, u64); 1] = [(u64::MAX, 1)];
/// Where keys have the number of a family's part. Below it are ids of families and blocks, which the
/// process counts together.
const PART: u32 = 60;
/// The ids.
const IDS: u64 = (1 << PART) - 1;

impl Encoder {
    /// An encoder that has rendered nothing yet. Names that are not legacy-valid are escaped with
    /// underscores.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self::with(Syntax { format, ..Syntax::default() })
    }

    pub(crate) fn with(syntax: Syntax) -> Self {
        let text = if syntax.is_open_metrics() { &b"# EOF\n"[..] } else { b"" };
        let mut end = OwnStrip::default();
        end.push(text, 0);
        Self { syntax, end, ..Self::default() }
    }

    /// Escapes names otherwise.
    #[must_use]
    pub fn escaping(self, escaping: Escaping) -> Self {
        Self::with(Syntax { escaping, ..self.syntax })
    }

    /// Whether OpenMetrics has `_created` samples; not unless set.
    #[must_use]
    pub fn created_samples(self, created: bool) -> Self {
        Self::with(Syntax { created, ..self.syntax })
    }

    /// Appends every family that has series to `out`.
    pub fn encode(&mut self, snapshot: &Snapshot, out: &mut Vec<u8>) {
        self.update(snapshot);
        self.pieces(|_, _| true).for_each(|piece| out.extend_from_slice(piece.text));
    }

    /// Appends the same to `body`, nothing of it copied: what the encoder keeps is shared.
    pub fn share(&mut self, snapshot: &Snapshot, body: &mut Body) {
        self.update(snapshot);
        self.strips(|_, _| true).for_each(|strip| body.share(strip));
    }

    /// Takes what is new in `snapshot`.
    pub(crate) fn update(&mut self, snapshot: &Snapshot) {
        self.version += 1;
        let Self { families, draft, version, .. } = self;
        let mut rearranged = false;
        families.begin();
        for family in snapshot.families().filter(|family| family.blocks().len() > 0) {
            let kept = families.next(family.id(), || Family::new(&family, self.syntax));
            for part in &mut kept.parts {
                rearranged |= part.update(&family, draft, *version);
            }
        }
        families.end();
        if rearranged || !families.stands() {
            self.arrangement += 1;
        }
    }

    /// All text of the families that `select` takes by type and name, as registered or as written, in
    /// order.
    pub(crate) fn strips(
        &self,
        select: impl Fn(&str, Kind) -> bool,
    ) -> impl Iterator<Item = Strip> {
        self.parts(select).flat_map(Kept::share).chain([self.end.share()])
    }

    /// The same, piece by piece.
    pub(crate) fn pieces(
        &self,
        select: impl Fn(&str, Kind) -> bool,
    ) -> impl Iterator<Item = Piece<'_>> {
        let [(key, version)] = END;
        let end = self.end.pieces().map(move |text| Piece { key, version, text });
        self.parts(select).flat_map(Kept::pieces).chain(end)
    }

    /// Finds the text of a piece by its place in the order, which is none before the last one asked for.
    pub(crate) fn texts<'a>(&'a self) -> impl FnMut(usize) -> &'a [u8] {
        let mut parts = self.parts(|_, _| true);
        let (mut part, mut first) = (parts.next(), 0);
        move |at| {
            while let Some(kept) = part {
                if let Some(text) = kept.text(at - first) {
                    return text;
                }
                first += kept.stamps().len();
                part = parts.next();
            }
            self.end.piece(0)
        }
    }

    /// Key and version of every piece in order, some at a time.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = &[(u64, u64)]> {
        self.parts(|_, _| true).map(Kept::stamps).chain([&END[..]])
    }

    /// A number that changes with the order of pieces, and whenever one comes or goes.
    pub(crate) fn arrangement(&self) -> u64 {
        self.arrangement
    }

    fn parts(&self, select: impl Fn(&str, Kind) -> bool) -> impl Iterator<Item = &Kept> {
        let selected = move |family: &&Family| {
            [&family.name, &family.written].iter().any(|name| select(name, family.kind))
        };
        let families = self.families.iter().map(|(_, family)| family).filter(selected);
        families.flat_map(|family| &family.parts)
    }
}

impl Family {
    #[cold]
    fn new(family: &FamilySnapshot<'_>, syntax: Syntax) -> Self {
        let parts: Vec<Part> = match syntax.format {
            Format::Protobuf => vec![Part::Protobuf(ProtobufPart::new(family, syntax))],
            _ => TextPart::all(family, syntax).into_iter().map(Part::Text).collect(),
        };
        let (name, kind) = (family.name().into(), family.kind());
        let written = syntax.escaping.metric_name(family.name()).into();
        let key = |at: usize| family.id() | (at as u64) << PART;
        let kept = parts.into_iter().enumerate().map(|(at, part)| Kept::new(part, key(at)));
        Self { name, written, kind, parts: kept.collect() }
    }
}
