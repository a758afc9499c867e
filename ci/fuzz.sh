#!/bin/sh
# Runs every fuzz target for SECONDS each (default 60), from the committed seeds and what earlier
# runs have found (fuzz/corpus, not committed). Stops at the first failure, which libFuzzer leaves
# in fuzz/artifacts. Needs a nightly toolchain; installs cargo-fuzz where it is missing.
#
#   ci/fuzz.sh [SECONDS] [TARGET...]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "ci/fuzz.sh: no nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked
fi

# The twins that judge must themselves be right.
cargo test --quiet --manifest-path fuzz/Cargo.toml --lib

[ $# -gt 0 ] || set -- $(cargo fuzz list)
for target; do
    echo "== $target, $seconds s"
    mkdir -p "fuzz/corpus/$target"
    dictionary=fuzz/seeds/$target.dict
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        $([ ! -f "$dictionary" ] || echo "-dict=$dictionary")
done
