"""Suffix array and duplicate ranges by the Rust tool of deduplicate-text-datasets, one thread.

    python substring.py FILE

The program `dedup_dataset` (built with cargo from that repository) must be on the PATH. `ranges` gives the seconds of both steps together,
`memory` the most memory of either in bytes a byte of the file.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from serve import serve

program = shutil.which('dedup_dataset')
if program is None:
    sys.exit('substring.py: expected dedup_dataset on the PATH, got none. Build it with cargo.')


def ranges(length):
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, 'data')
        shutil.copy(sys.argv[1], data)
        cache = os.path.join(folder, 'cache')
        os.mkdir(cache)
        run = lambda *words: subprocess.run([program, *words], check=True, stdout=sys.stderr)  # noqa: E731
        start = time.perf_counter()
        run('make', '--data-file', data)
        run('self-similar', '--data-file', data, '--length-threshold', str(length), '--cache-dir', cache, '--num-threads', '1')
        return time.perf_counter() - start


def memory(length):
    ranges(length)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / os.path.getsize(sys.argv[1])


serve({'ranges': ranges, 'memory': memory})
