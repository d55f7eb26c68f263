"""MinHash and MinHash with LSH of rensa (Rust) and datasketch: 128 permutations, character 5-grams, one thread.

    python dedup.py TEXTS.json

Figures are millions of characters a second. rensa runs its fastest full-set path: one call for all texts from a generator, and its one-shot LSH.
datasketch takes the first 3,000 texts only; its rate does not depend on their number.
"""
import importlib.metadata
import json
import os
import sys
import time

os.environ['RAYON_NUM_THREADS'] = '1'

from datasketch import MinHash, MinHashLSH
from rensa import RMinHash, RMinHashLSH

from serve import serve

with open(sys.argv[1], encoding='utf-8') as file:
    texts = json.load(file)


def grams(text):
    return [text[i:i + 5] for i in range(max(1, len(text) - 4))]


def rate(documents, run):
    start = time.perf_counter()
    run(documents)
    return sum(map(len, documents)) / 1e6 / (time.perf_counter() - start)


def rensa(documents):
    return RMinHash.digest_matrix_from_token_sets((grams(text) for text in documents), 128, 42)


def rensa_lsh(documents):
    index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
    return index.query_duplicate_flags_matrix_one_shot(rensa(documents))


def datasketch(documents):
    return MinHash.bulk([[gram.encode() for gram in set(grams(text))] for text in documents], num_perm=128)


def datasketch_lsh(documents):
    index = MinHashLSH(threshold=0.8, num_perm=128)
    for number, sketch in enumerate(datasketch(documents)):
        index.query(sketch)
        index.insert(str(number), sketch)


serve(
    {
        'rensa_signatures': lambda: rate(texts, rensa),
        'datasketch_signatures': lambda: rate(texts[:3000], datasketch),
        'rensa_lsh': lambda: rate(texts, rensa_lsh),
        'datasketch_lsh': lambda: rate(texts[:3000], datasketch_lsh),
    },
    versions={name: importlib.metadata.version(name) for name in ('rensa', 'datasketch')},
)
