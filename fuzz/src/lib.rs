//! The slow and strict twins that the fuzz targets judge the product with.
//!
//! Upstream: nothing of the product. Downstream: `fuzz_targets/`.

pub mod exposed;
pub mod head;
pub mod lives;
pub mod log;
#[path = "../../exposition/tests/messages/mod.rs"]
mod messages;
pub mod names;
pub mod negotiation;
pub mod numbers;
pub mod open_metrics;
pub mod program;
pub mod protobuf;
pub mod query;
pub mod rest;
pub mod text;
