#!/usr/bin/env bash
# A Slurm array: every task does one shard of a build; a job behind it merges. Submit with
#   CONFIG=chimed.json sbatch --array=0-15 slurm.sh
# The work folder must lie on a disk that all nodes see. Tasks that die or wait in the queue do not hold up the others: what they
# leave undone is done by those that run. Submit the same line again to go on after a time limit.
#SBATCH --job-name=chimed
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --output=chimed-%A_%a.log
set -euo pipefail
: "${CONFIG:?name the config file: CONFIG=chimed.json sbatch --array=0-15 slurm.sh}"
CHIMED=${CHIMED:-npx chimed}

if [[ ${MERGE:-} == 1 ]]; then
  exec $CHIMED merge "$CONFIG" ${CHIMED_OPTIONS:-}
fi
if [[ $SLURM_ARRAY_TASK_ID == "$SLURM_ARRAY_TASK_MIN" && ${SUBMIT_MERGE:-1} == 1 ]]; then
  # The merge waits until every task of the array has ended well.
  MERGE=1 sbatch --dependency="afterok:$SLURM_ARRAY_JOB_ID" --output=chimed-merge-%j.log --export=ALL "$0"
fi
exec $CHIMED run "$CONFIG" --shard "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))/$SLURM_ARRAY_TASK_COUNT" ${CHIMED_OPTIONS:-}
