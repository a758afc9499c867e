#!/usr/bin/env bash
# Runs a reduced stress test of the engine under valgrind's memcheck: no invalid access, nothing
# definitely lost. Shards and their pages live for ever, and are still reachable at the end.
#
#   ci/valgrind.sh           series that come and go, lives and destructors of thread-locals
#   ci/valgrind.sh --quick   series that come and go: what CI runs
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    echo "ci/valgrind.sh: no valgrind: install the Debian package" >&2
    exit 1
fi
tests=(life_cycle_stress lifetimes destruction)
export STRESS_OPERATIONS=5000
if [[ "${1:-}" == --quick ]]; then tests=(life_cycle_stress) STRESS_OPERATIONS=500; fi

check() {
    valgrind --quiet --error-exitcode=99 --fair-sched=try --leak-check=full \
        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect "$@"
}

for test in "${tests[@]}"; do
    echo "== $test"
    runner=$(cargo test -q --locked -p tmc-engine --test "$test" --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    # What a test forgets on purpose.
    check "$runner" --test-threads=1 --skip forgetting_a_pinned_handle_harms_nobody
done
