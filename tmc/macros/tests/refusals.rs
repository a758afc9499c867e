//! What does not compile, and what the compiler says then, each in a file of `refused/`.
//!
//! The texts beside them are those of the Rust release that `rust-version` names. After a change of
//! either, `TRYBUILD=overwrite cargo test -p tmc-metrics-macros --test refusals` writes them anew; read
//! the difference as a user would.

#[test]
fn what_cannot_work_says_what_to_change() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
