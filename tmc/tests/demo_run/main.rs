//! Runs `tmc-metrics demo` as users do, and checks what it serves against files and journal.
//! Upstream: nothing. Downstream: the binary, over its command line, its socket and its files.

mod families;
mod journal;
mod ledger;
mod midway;
mod process;
mod refusals;
mod scrape;
