"""A Ray job: one task a shard of a build, then the merge.

    ray job submit --working-dir . -- python ray_job.py chimed.json 16

The nodes need Node 20 with @qilin-med/chimed (or CHIMED set to a command that starts it) and a shared folder for the work and the results.
A task that dies is tried again and goes on; what it leaves undone is done by the others.
"""
import os
import shlex
import subprocess
import sys

import ray

CHIMED = shlex.split(os.environ.get("CHIMED", "npx chimed"))
OPTIONS = shlex.split(os.environ.get("CHIMED_OPTIONS", ""))


@ray.remote(num_cpus=1, max_retries=5)
def chimed(*arguments):
    subprocess.run([*CHIMED, *arguments, *OPTIONS], check=True)


def main():
    config, shards = sys.argv[1], int(sys.argv[2])
    ray.init()
    ray.get([chimed.remote("run", config, "--shard", f"{index}/{shards}") for index in range(shards)])
    ray.get(chimed.remote("merge", config))


if __name__ == "__main__":
    main()
