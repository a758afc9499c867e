#!/bin/bash
# Runs the engine's and the exposition's tests under AddressSanitizer and LeakSanitizer. Needs a
# nightly toolchain for Linux on x86-64 or AArch64.
#
#   ci/sanitize.sh [PACKAGE...]
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "ci/sanitize.sh: no nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
[ $# -gt 0 ] || set -- tmc-engine tmc-exposition
packages=()
for package; do packages+=(-p "$package"); done

# What a test forgets on purpose. A crowd of threads measures memory, which the sanitizer adds to.
suppressions=$(mktemp)
trap 'rm -f "$suppressions"' EXIT
echo "leak:forgetting_a_pinned_handle_harms_nobody" >"$suppressions"
export LSAN_OPTIONS="suppressions=$suppressions:print_suppressions=0"

export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/sanitize"
# With an explicit target, build scripts and macros go without the sanitizer.
cargo +nightly test --locked "${packages[@]}" --lib --tests --no-fail-fast --target "$host" \
    -- --skip ten_thousand_threads_at_once
