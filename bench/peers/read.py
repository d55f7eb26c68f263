"""Reading in Python: json.loads line by line, pandas for a GB18030 CSV. Megabytes of file a second.

    python read.py ROWS.jsonl ROWS.csv
"""
import json
import os
import sys
import time

import pandas

from serve import serve

jsonl, csv = sys.argv[1:3]


def rate(path, run):
    start = time.perf_counter()
    run()
    return os.path.getsize(path) / 1e6 / (time.perf_counter() - start)


def fields():
    with open(jsonl, 'rb') as file:
        return [json.loads(line)['output'] for line in file]


def rows():
    with open(jsonl, 'rb') as file:
        for line in file:
            json.loads(line)


serve(
    {
        'jsonl_field': lambda: rate(jsonl, fields),
        'jsonl_rows': lambda: rate(jsonl, rows),
        'csv': lambda: rate(csv, lambda: pandas.read_csv(csv, encoding='gb18030')),
    },
    versions={'pandas': pandas.__version__},
)
