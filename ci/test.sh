#!/bin/bash
# Runs every test, on a fresh Debian machine too: installs the Debian packages that are missing, and
# the official Python parser into the target directory. What it cannot install it names, and fails.
#
#   bash ci/test.sh
#
# Longer runs, each on its own: ci/loom.sh, ci/shuttle.sh, ci/sanitize.sh, ci/valgrind.sh, ci/fuzz.sh,
# cargo bench -p tmc-benches.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-10}
# Nobody builds this checkout a second time.
[ "${CI:-}" != true ] || export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
target=${CARGO_TARGET_DIR:-$PWD/target}
parser=prometheus-client==0.26.0

give_up() {
    echo "ci/test.sh: $*" >&2
    exit 1
}

# The policy that keeps services from starting, while it is ours.
policy=
forget_policy() {
    [ -z "$policy" ] || "${sudo[@]}" rm -f "$policy"
    policy=
}
sudo=()
trap forget_policy EXIT
trap 'exit 130' INT TERM

# Installs Debian packages, and leaves no service running or enabled that was not there before.
install() {
    local deny=/usr/sbin/policy-rc.d
    if [ "$(id -u)" != 0 ]; then
        sudo=(sudo -n)
        sudo -n true 2>/dev/null || give_up "missing: Debian package(s) $*, and neither root nor sudo to install with"
    fi
    command -v apt-get >/dev/null || give_up "missing: $*, and no apt-get to install with"
    if [ ! -e "$deny" ]; then
        policy=$deny
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod 755 "$policy"
    fi
    "${sudo[@]}" apt-get update -qq &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    local result=$?
    forget_policy
    if [ -d /run/systemd/system ] && [[ " $* " == *" prometheus "* ]]; then
        "${sudo[@]}" systemctl --quiet disable prometheus
    fi
    [ $result = 0 ] || give_up "cannot install the Debian package(s) $*"
}

# A Python that can make a virtual environment.
find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import ensurepip, venv' 2>/dev/null && echo "$python" && return
    done
    return 1
}

set_up() {
    command -v cargo >/dev/null || give_up "missing: cargo (the Rust toolchain, https://rustup.rs)"
    cargo fmt --version && cargo clippy --version || give_up "missing: rustfmt or clippy (rustup component add rustfmt clippy)"
    local packages=()
    # libFuzzer is C++, and rustc links with cc, which g++ brings.
    command -v cc >/dev/null && command -v c++ >/dev/null || packages+=(g++)
    command -v prometheus >/dev/null && command -v promtool >/dev/null || packages+=(prometheus)
    command -v valgrind >/dev/null || packages+=(valgrind)
    find_python >/dev/null || packages+=(python3 python3-venv)
    [ ${#packages[@]} = 0 ] || install "${packages[@]}"

    local venv=$target/venv python
    export TMC_PYTHON=$venv/bin/python
    if ! "$TMC_PYTHON" -c 'import prometheus_client.parser' 2>/dev/null; then
        python=$(find_python) || give_up "missing: python3 with venv (Debian packages python3, python3-venv)"
        "$python" -m venv --clear "$venv" && "$venv/bin/pip" install --quiet "$parser" ||
            give_up "missing: the PyPI package $parser"
    fi
    cargo --version && prometheus --version | head -n 1 && "$TMC_PYTHON" --version
}

# Runs the fuzz targets and their oracles on stable, over the seeds and 3,000 random inputs. There is no
# coverage to guide them, as in ci/fuzz.sh: this finds what breaks at once.
fuzz_briefly() {
    local fuzz=(--locked --manifest-path fuzz/Cargo.toml) file name inputs work
    local -x RUSTFLAGS="${RUSTFLAGS:-} --cfg fuzzing" CARGO_TARGET_DIR=$target/fuzz
    cargo test "${fuzz[@]}" --lib || return 1
    work=$(mktemp -d) && mkdir "$work/random" && "$TMC_PYTHON" - "$work/random" <<'PYTHON' || return 1
import pathlib, random, sys
source = random.Random(1)
for number in range(3000):
    length = int(2 ** source.uniform(0, 12))
    (pathlib.Path(sys.argv[1]) / str(number)).write_bytes(source.randbytes(length))
PYTHON
    for file in fuzz/fuzz_targets/*.rs; do
        name=$(basename "$file" .rs)
        inputs=("$work/random")
        [ ! -d "fuzz/seeds/$name" ] || inputs+=("fuzz/seeds/$name")
        cargo run "${fuzz[@]}" --bin "$name" -- -runs=0 -max_len=4096 -timeout=60 -verbosity=0 \
            -print_final_stats=1 -artifact_prefix="$work/" "${inputs[@]}" || {
            echo "fuzz target $name failed; its input is in $work"
            return 1
        }
    done
    rm -r "$work"
}

# Both at once: each builds one crate after another, which leaves a core idle.
models() {
    local log shuttle ok=0
    log=$(mktemp)
    bash ci/shuttle.sh --quick >"$log" 2>&1 &
    shuttle=$!
    bash ci/loom.sh --quick || ok=1
    wait $shuttle || ok=1
    cat "$log"
    rm "$log"
    return $ok
}

results=()
failed=0
step() {
    local title=$1 begun=$SECONDS verdict=ok
    shift
    printf '\n=== %s\n    %s\n' "$title" "$*"
    "$@" </dev/null || { verdict=FAILED failed=1; }
    results+=("$(printf '%-6s %5d s  %s' "$verdict" $((SECONDS - begun)) "$title")")
    echo "=== ${results[-1]}"
}

step "set-up" set_up
step "format" cargo fmt --all --check
step "lints" cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
step "unit, property, integration, end-to-end and doc tests" cargo test --locked --workspace --all-features --no-fail-fast
step "benchmarks, a quick run of each" cargo test --locked --workspace --all-features --no-fail-fast --bench '*'
step "stress, optimised" cargo test --locked --release -p tmc-engine --test stress --test life_cycle_stress
step "the README's demo, optimised" cargo run --locked --release --bin tmc-metrics -- demo --listen 127.0.0.1:0 --duration 5
step "loom and shuttle models, reduced" models
step "stress under valgrind, reduced" bash ci/valgrind.sh --quick
step "fuzz targets, briefly" fuzz_briefly
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps
step "scrape configuration" promtool check config deploy/prometheus.yml

printf '\n=== %s\n' "all steps, $SECONDS s"
printf '%s\n' "${results[@]}"
exit $failed
