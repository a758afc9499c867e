//! Encoders: a snapshot becomes bytes. Upstream: the engine's snapshot. Downstream: `respond`.

mod escape;
mod number;
mod text;

pub use text::TextEncoder;
