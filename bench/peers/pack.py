"""TRL's pack_dataset in one process, without its cache. Millions of tokens a second."""
import time

import datasets
import trl
from datasets import Dataset
from trl import pack_dataset

from serve import serve

datasets.disable_progress_bars()
datasets.disable_caching()


def pack(lengths, strategy, length):
    ids = [[7] * count for count in lengths]
    rows = Dataset.from_dict({'input_ids': ids, 'labels': ids})
    start = time.perf_counter()
    pack_dataset(rows, length, strategy)
    return sum(lengths) / 1e6 / (time.perf_counter() - start)


serve({'pack': pack}, versions={'trl': trl.__version__, 'datasets': datasets.__version__})
