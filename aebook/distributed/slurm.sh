#!/bin/bash
# Data-parallel training on a Slurm cluster, one process a node; JAX takes all devices of its node.
#
#     sbatch --nodes=8 slurm.sh --data /shared/faces --side 64 --folder /shared/run --epochs 50
#
# What follows slurm.sh goes to the workers. A batch, 128 images unless --batch-size says otherwise,
# is shared equally by all devices: take a multiple of their number. --folder must be seen by every node. A job that was
# killed goes on after its last checkpoint when it is submitted again; --requeue lets Slurm do so.
#SBATCH --job-name=aebook-vae
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
set -euo pipefail

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
port=$((20000 + SLURM_JOB_ID % 20000)) # two jobs that share a node do not meet
export COORDINATOR="$first:$port"

# $SLURM_PROCID is another number in each task: the quotes leave it for the task to read.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 bash -c '
    exec python -m aebook.distributed.launch --processes "$SLURM_NTASKS" \
        --rank "$SLURM_PROCID" --coordinator "$COORDINATOR" --wait 300 "$@"
' worker "$@"
