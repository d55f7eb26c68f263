"""MinHash and MinHash with LSH of rensa (Rust) and datasketch: 128 permutations, character 5-grams, one thread.

    python dedup.py TEXTS.json

Figures are millions of characters a second. datasketch takes the first 3,000 texts only; its rate does not depend on their number.
"""
import importlib.metadata
import json
import sys
import time

from datasketch import MinHash, MinHashLSH
from rensa import RMinHash, RMinHashLSH

from serve import serve

with open(sys.argv[1], encoding='utf-8') as file:
    texts = json.load(file)


def grams(text):
    return [text[i:i + 5] for i in range(max(1, len(text) - 4))]


def rate(documents, handle):
    start = time.perf_counter()
    for index, text in enumerate(documents):
        handle(index, text)
    return sum(map(len, documents)) / 1e6 / (time.perf_counter() - start)


def rensa(text):
    sketch = RMinHash(num_perm=128, seed=42)
    sketch.update(grams(text))
    return sketch


def datasketch(text):
    sketch = MinHash(num_perm=128)
    sketch.update_batch([gram.encode() for gram in set(grams(text))])
    return sketch


def rensa_lsh():
    index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)

    def handle(number, text):
        sketch = rensa(text)
        index.query(sketch)
        index.insert(number, sketch)
    return rate(texts, handle)


def datasketch_lsh():
    index = MinHashLSH(threshold=0.8, num_perm=128)

    def handle(number, text):
        sketch = datasketch(text)
        index.query(sketch)
        index.insert(str(number), sketch)
    return rate(texts[:3000], handle)


serve(
    {
        'rensa_signatures': lambda: rate(texts, lambda _, text: rensa(text).digest()),
        'datasketch_signatures': lambda: rate(texts[:3000], lambda _, text: datasketch(text)),
        'rensa_lsh': rensa_lsh,
        'datasketch_lsh': datasketch_lsh,
    },
    versions={name: importlib.metadata.version(name) for name in ('rensa', 'datasketch')},
)
