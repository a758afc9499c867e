//! Encoders: a snapshot becomes bytes, of which everything that did not change is kept.
//! Upstream: the engine's snapshot. Downstream: `compress`, `scrape`, and whoever wants the bytes.
//!
//! | module | job |
//! |---|---|
//! | `syntax` | what a format makes of names |
//! | `text` | what the samples of a family look like around their values: text 0.0.4, OpenMetrics |
//! | `protobuf`, `wire` | the same for Prometheus's protobuf, and what that is made of |
//! | `sheet` | the rendered samples of a block of series, values written over old ones |
//! | `in_order` | what is kept from scrape to scrape |
//! | `number`, `escape` | values, and texts |

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod door;
mod escape;
pub(crate) mod in_order;
mod number;
mod protobuf;
mod sheet;
mod syntax;
mod text;
mod wire;

use tmc_engine::{BlockSnapshot, Escaping, FamilySnapshot, Kind, Snapshot};

use crate::body::{Body, Segment};
use crate::negotiate::Format;
use in_order::InOrder;
use protobuf::ProtobufPart;
use sheet::{Draft, Sheet};
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
    /// What comes after all families.
    end: Segment,
}

/// What is kept of a family.
#[derive(Debug)]
struct Family {
    name: Box<str>,
    kind: Kind,
    parts: Vec<Kept>,
}

/// A part of a family: a header, and its blocks.
#[derive(Debug)]
struct Kept {
    part: Part,
    header: Sheet,
    sheets: InOrder<Sheet>,
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
        sheet: &mut Sheet,
        draft: &mut Draft,
        version: u64,
    ) {
        match self {
            Self::Text(part) => part.update(family, block, sheet, draft, version),
            Self::Protobuf(part) => part.update(family, block, sheet, draft, version),
        }
    }

    /// Brings the header up to date, which has `bytes` of blocks behind it.
    fn header(&self, bytes: usize, sheet: &mut Sheet, draft: &mut Draft, version: u64) {
        match self {
            Self::Text(part) if sheet.version() == 0 => {
                draft.clear();
                draft.text.extend_from_slice(&part.header);
                sheet.replace(draft, version);
            }
            Self::Text(_) => {}
            Self::Protobuf(part) => {
                draft.clear();
                part.header(bytes, &mut draft.text);
                sheet.replace(draft, version);
            }
        }
    }
}

/// A piece of the exposition, as compressors see it.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Stands for its place: no other piece of the exposition has the same.
    pub(crate) key: u64,
    /// Changes with its text.
    pub(crate) version: u64,
    pub(crate) text: &'a Segment,
}

/// Key of what comes after all families.
const END: u64 = u64::MAX;
/// Where keys have the number of the part. Ids of families and blocks, which the process counts from 0
/// together, never come so far.
const PART: u32 = 60;

impl Encoder {
    /// An encoder that has rendered nothing yet. Names that are not legacy-valid are escaped with
    /// underscores.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self::with(Syntax { format, ..Syntax::default() })
    }

    pub(crate) fn with(syntax: Syntax) -> Self {
        let end = if syntax.is_open_metrics() { &b"# EOF\n"[..] } else { b"" };
        Self { syntax, end: end.to_vec().into(), ..Self::default() }
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
        self.pieces(|_, _| true).for_each(|piece| body.push(piece.text.clone()));
    }

    /// Takes what is new in `snapshot`.
    pub(crate) fn update(&mut self, snapshot: &Snapshot) {
        self.version += 1;
        self.families.begin();
        for family in snapshot.families().filter(|family| family.blocks().len() > 0) {
            let kept = self.families.next(family.id(), || Family::new(&family, self.syntax));
            kept.parts.iter_mut().for_each(|part| {
                part.update(&family, &mut self.draft, self.version);
            });
        }
        self.families.end();
    }

    /// All pieces of the families that `select` takes by name and type, in order.
    pub(crate) fn pieces(
        &self,
        select: impl Fn(&str, Kind) -> bool,
    ) -> impl Iterator<Item = Piece<'_>> {
        let selected = move |family: &Family| select(&family.name, family.kind);
        let families = self.families.iter().filter(move |(_, family)| selected(family));
        let pieces = families.flat_map(|(id, family)| {
            let parts = family.parts.iter().enumerate();
            parts.flat_map(move |(at, kept)| kept.pieces(id, at as u64))
        });
        pieces.chain([Piece { key: END, version: 1, text: &self.end }])
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
        Self { name, kind, parts: parts.into_iter().map(Kept::new).collect() }
    }
}

impl Kept {
    fn new(part: Part) -> Self {
        Self { part, header: Sheet::default(), sheets: InOrder::default() }
    }

    fn update(&mut self, family: &FamilySnapshot<'_>, draft: &mut Draft, version: u64) {
        self.sheets.begin();
        let mut bytes = 0;
        for block in family.blocks() {
            let sheet = self.sheets.next(block.id(), Sheet::default);
            self.part.update(family, &block, sheet, draft, version);
            bytes += sheet.text().len();
        }
        self.sheets.end();
        self.part.header(bytes, &mut self.header, draft, version);
    }

    /// The header, then every block.
    fn pieces(&self, family: u64, at: u64) -> impl Iterator<Item = Piece<'_>> {
        let sheets = std::iter::once((family, &self.header)).chain(self.sheets.iter());
        sheets.map(move |(id, sheet)| Piece {
            key: id | at << PART,
            version: sheet.version(),
            text: sheet.text(),
        })
    }
}
