#!/bin/sh
# fuzz.sh [SECONDS [TARGET...]] - runs the fuzz targets of build/fuzz (see `./run fuzz`).
#
# For each target: its stored corpus must reach the coverage that coverage.txt names (libFuzzer's
# `cov:`, edges of Ferry's own code; it falls when a parser changes and its inputs no longer get in),
# then SECONDS of search (default 60) from there; JOBS targets at once. What breaks a target is left in
# build/fuzz/found/; a fixed one joins tests/fuzz/corpus/TARGET/, so that it stays fixed.
# To take over what a search found: build/fuzz/tests/fuzz/T_fuzz -merge=1 tests/fuzz/corpus/T build/fuzz/corpus/T
set -eu
cd "$(dirname "$0")/../.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
# shellcheck disable=SC2046 # one word for each target
[ $# -gt 0 ] || set -- $(find tests/fuzz -name '*_fuzz.c' -exec basename {} _fuzz.c \; | sort)
export ASAN_OPTIONS="detect_leaks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
mkdir -p build/fuzz/found build/fuzz/logs

# The last `cov: N` that libFuzzer printed.
coverage_of() { sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$1" | tail -n 1; }

# run_target LOG PROGRAM ARGUMENT...: true when it ended well; else the log's end is shown.
run_target() {
    log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 60 "$log"
        return 1
    }
}

fuzz() {
    program=build/fuzz/tests/fuzz/$1_fuzz
    log=build/fuzz/logs/$1.log
    stored=tests/fuzz/corpus/$1
    limits='-timeout=10 -rss_limit_mb=1024 -max_len=65536'
    mkdir -p "build/fuzz/corpus/$1"

    # shellcheck disable=SC2086 # one word for each limit
    run_target "$log" "$program" $limits -runs=0 "$stored" || return 1
    reached=$(coverage_of "$log")
    wanted=$(awk -v target="$1" '$1 == target { print $2; exit }' tests/fuzz/coverage.txt)
    if [ "${reached:-0}" -lt "${wanted:?$1 has no line in tests/fuzz/coverage.txt}" ]; then
        echo "fuzz $1: the stored corpus reaches $reached edges, coverage.txt wants $wanted"
        return 1
    fi

    # shellcheck disable=SC2086
    run_target "$log" "$program" $limits -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$1-" "build/fuzz/corpus/$1" "$stored" || return 1
    echo "fuzz $1: corpus reaches $reached edges (at least $wanted), the search $(coverage_of "$log") in $seconds s," \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing broken"
}

if [ $# -eq 1 ]; then
    fuzz "$1" || { echo "fuzz: failed: $1"; exit 1; }
else
    printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-$(nproc)}" tests/fuzz/fuzz.sh "$seconds"
fi
