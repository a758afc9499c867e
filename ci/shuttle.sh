#!/usr/bin/env bash
# Runs the models of the engine's protocols in random schedules, with more threads than ci/loom.sh can
# afford, and requires them to fail without the free list's lock, and when cells are reused too early.
# Schedules are the same each time. Interleavings only: shuttle takes every ordering for the strongest.
#
#   ci/shuttle.sh           200,000 schedules of each model
#   ci/shuttle.sh --quick   10,000: what CI runs
set -euo pipefail
cd "$(dirname "$0")/.."

export SHUTTLE_SCHEDULES=200000 SHUTTLE_SILENCE_WARNINGS=1
if [[ "${1:-}" == --quick ]]; then SHUTTLE_SCHEDULES=10000; fi
export RUSTFLAGS="--cfg loom --cfg shuttle" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/shuttle"

# build [CFG...]: prints the path of the model runner.
build() {
    local flags=() cfg
    for cfg in "$@"; do flags+=(--cfg "$cfg"); done
    cargo rustc -q --locked -p tmc-engine --lib --profile test --message-format=json -- \
        -C opt-level=1 "${flags[@]}" |
        sed -n 's/.*"executable":"\([^"]*tmc_engine[^"]*\)".*/\1/p' | tail -n 1
}

echo "== models, $SHUTTLE_SCHEDULES schedules each"
runner=$(build)
"$runner" models::

# caught NAME MODEL: MODEL must fail when NAME is weakened.
caught() {
    local runner log
    runner=$(build "weaken=\"$1\"")
    log=$("$runner" --exact "models::$2" 2>&1) && {
        echo "NOT CAUGHT  $1: $2 passes without it"
        exit 1
    }
    grep -q "test models::$2 ... FAILED" <<<"$log" || {
        echo "BROKEN      $1: $2 did not run"
        echo "$log"
        exit 1
    }
    echo "caught      $1: $2 fails without it"
}

echo "== weakenings"
caught handover crowd::threads_come_and_go_on_fewer_shards_than_threads
caught reuse crowd::series_that_come_and_go_never_show_the_records_of_others
