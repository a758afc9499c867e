#!/usr/bin/env bash
# Runs the loom models of the engine's protocols, then builds the engine with each ordering (and the
# free list's lock) weakened in turn, and requires the model that guards it to fail.
#
#   ci/loom.sh           every interleaving with up to 3 preemptions
#   ci/loom.sh --quick   up to 2 preemptions: what CI runs
set -euo pipefail
cd "$(dirname "$0")/.."

export LOOM_MAX_PREEMPTIONS=3
if [[ "${1:-}" == --quick ]]; then export LOOM_MAX_PREEMPTIONS=2; fi
export RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"

# build [CFG...]: prints the path of the model runner.
build() {
    local flags=() cfg
    for cfg in "$@"; do flags+=(--cfg "$cfg"); done
    cargo rustc -q -p tmc-engine --lib --profile test --message-format=json -- "${flags[@]}" |
        sed -n 's/.*"executable":"\([^"]*tmc_engine[^"]*\)".*/\1/p' | tail -n 1
}

echo "== models, at most $LOOM_MAX_PREEMPTIONS preemptions"
runner=$(build)
"$runner" models::

failed=0
# weakened NAME MODEL: MODEL must fail when NAME is weakened.
weakened() {
    local runner log
    runner=$(build "weaken=\"$1\"")
    log=$(mktemp)
    if "$runner" --exact "models::$2" >"$log" 2>&1; then
        echo "NOT CAUGHT  $1: $2 passes without it"
        failed=1
    elif grep -q "test models::$2 ... FAILED" "$log"; then
        echo "caught      $1: $2 fails without it"
    else
        echo "BROKEN      $1: $2 did not run"
        cat "$log"
        failed=1
    fi
    rm -f "$log"
}

echo "== weakenings"
weakened handover handover::the_next_owner_of_a_shard_continues_where_the_last_one_ended
weakened shard_publish handover::a_reader_walks_shards_that_are_being_made
weakened shard_read handover::a_reader_walks_shards_that_are_being_made
weakened dec_publish handover::an_in_flight_count_is_never_negative
weakened dec_read handover::an_in_flight_count_is_never_negative
weakened page_publish pages::a_reader_sees_a_published_page_whole
weakened page_read pages::a_reader_sees_a_published_page_whole
weakened root_publish pages::growth_of_a_root_hides_no_page
weakened root_read pages::growth_of_a_root_hides_no_page
weakened number_free numbers::a_number_comes_back_with_zeroed_cells
weakened number_take numbers::a_number_comes_back_with_zeroed_cells
weakened group_publish numbers::a_page_that_another_thread_took_is_zero_for_a_thread_that_wrote_to_it_before
weakened group_read numbers::a_page_that_another_thread_took_is_zero_for_a_thread_that_wrote_to_it_before
weakened ticket_take snapshots::a_scrape_sees_all_that_was_recorded_before_it_came
weakened ticket_cover snapshots::a_scrape_sees_all_that_was_recorded_before_it_came
weakened chunk_publish starts::a_chunk_that_comes_back_shows_nothing_of_its_last_series
weakened chunk_read starts::a_chunk_that_comes_back_shows_nothing_of_its_last_series
weakened lazy_publish lazy::what_was_made_when_first_needed_is_seen_whole
weakened lazy_read lazy::what_was_made_when_first_needed_is_seen_whole
weakened reuse series::a_cell_is_reused_only_when_nobody_can_still_write_to_it
weakened hold_release series::who_finds_a_series_without_holders_sees_all_that_they_recorded
weakened hold_read series::who_finds_a_series_without_holders_sees_all_that_they_recorded

# Every name in the table of orderings must stand in the list above.
for name in $(sed -n 's/.* unless "\([a-z_]*\)";/\1/p' engine/src/sync.rs); do
    grep -q "^weakened $name " "$0" || { echo "NO MODEL    $name"; failed=1; }
done
exit "$failed"
