#!/usr/bin/env bash
# The same on one machine: n processes, then the merge. CONFIG=chimed.json N=4 ./local.sh (or: chimed build chimed.json --workers 4)
set -euo pipefail
: "${CONFIG:?name the config file: CONFIG=chimed.json N=4 ./local.sh}"
N=${N:-2}
CHIMED=${CHIMED:-npx chimed}
pids=()
for ((i = 0; i < N; i++)); do
  $CHIMED run "$CONFIG" --shard "$i/$N" ${CHIMED_OPTIONS:-} &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
$CHIMED merge "$CONFIG" ${CHIMED_OPTIONS:-}
