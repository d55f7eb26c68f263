"""BM25 and exact vector search of the Python libraries.

    python retrieval.py DOCUMENTS.json

DOCUMENTS.json holds the texts. BM25 indexes their overlapping pairs of characters; cutting them is not measured. Vectors
are drawn here, of the same number and size as ours. One thread throughout.
"""
import os

for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ[name] = '1'

import importlib.metadata
import json
import sys
import time

import bm25s
import faiss
import numpy as np

from serve import serve

faiss.omp_set_num_threads(1)
with open(sys.argv[1], encoding='utf-8') as file:
    texts = json.load(file)


def pairs(text):
    return [text[i:i + 2] for i in range(len(text) - 1)]


def built(documents):
    retriever = bm25s.BM25(method='lucene')
    retriever.index(documents, show_progress=False)
    return retriever


kept = {}


def once(name, make):
    if name not in kept:
        kept[name] = make()
    return kept[name]


def index():
    documents = once('pairs', lambda: [pairs(text) for text in texts])
    start = time.perf_counter()
    built(documents)
    return 1e3 * (time.perf_counter() - start)


def query(count, length, k):
    retriever = once('bm25', lambda: built(once('pairs', lambda: [pairs(text) for text in texts])))
    queries = [pairs(text[:length]) for text in texts[:count]]
    start = time.perf_counter()
    retriever.retrieve(queries, k=k, show_progress=False)
    return 1e3 * (time.perf_counter() - start) / count


def flat(rows, dimensions):
    def make():
        vectors = np.random.default_rng(1).standard_normal((rows, dimensions), dtype='f4')
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        store = faiss.IndexFlatIP(dimensions)
        store.add(vectors)
        return store, vectors
    return once(f'flat {rows} {dimensions}', make)


def dense(rows, dimensions, count, k):
    store, vectors = flat(rows, dimensions)
    start = time.perf_counter()
    for i in range(count):
        store.search(vectors[i:i + 1], k)
    return 1e3 * (time.perf_counter() - start) / count


def dense_batch(rows, dimensions, count, k):
    store, vectors = flat(rows, dimensions)
    start = time.perf_counter()
    store.search(vectors[:count], k)
    return 1e3 * (time.perf_counter() - start) / count


versions = {name: importlib.metadata.version(name) for name in ('bm25s', 'faiss-cpu', 'numpy')}
serve({'index': index, 'query': query, 'dense': dense, 'dense_batch': dense_batch}, versions)
