//! The `tmc-metrics` command.
fn main() {}
