#!/bin/sh
# sim.sh FERRY-SIM SEEDS: so many seeds without a failure, then each planted bug found. JOBS says how many at once.
set -eu
sim=$1
seeds=$2
jobs=${JOBS:-$(nproc)}
"$sim" --count "$seeds" --jobs "$jobs"
bugs=$("$sim" --bugs)
for bug in $bugs; do
    # What is printed of the seed that found it is of no interest here.
    "$sim" --plant "$bug" --find --count 5000 --jobs "$jobs" >/dev/null 2>&1 || {
        echo "planted bug not found: $bug" >&2
        exit 1
    }
    echo "found: $bug"
done
