//! What the end-to-end tests stand on: real programs, started and stopped, and what they say.
//!
//! Upstream: the tests in `tests/`. Downstream: the demo binary, Debian's `prometheus` and
//! `promtool`, and the official Python parser. A program that is missing fails the test that needs
//! it and says which package brings it; nothing is skipped.
//!
//! | module | gives |
//! |---|---|
//! | [`demo`] | the `tmc-metrics demo` command as a process |
//! | [`prometheus`] | a Prometheus that scrapes one target each second, and its query API |
//! | [`judges`] | `promtool check metrics` and the official Python parsers |
//! | [`checker`] | the formats' rules, one by one: `python/check_exposition.py`, which is the file that the project shares, byte for byte |
//! | [`families`] | an exposition to compare, of whatever format |
//! | [`streams`] | other implementations of gzip and zstd than those that compress |
//! | [`text`] | our own reader of text 0.0.4, a second opinion to compare theirs with |
//! | [`http`] | a GET over a plain socket |
//! | [`wait`] | polling with a deadline |

pub mod checker;
pub mod demo;
pub mod families;
pub mod http;
pub mod judges;
mod process;
pub mod prometheus;
pub mod streams;
pub mod text;
pub mod wait;
