"""Text metrics of the Python libraries: pairs a second over the pairs of a JSON file ([[prediction, reference], ...]).

    python metrics.py PAIRS.json

Every measurement makes new metric objects, so that no tokenizer cache of an earlier round helps or hinders.
"""
import importlib.metadata
import json
import logging
import sys
import time

import jieba
from rouge_chinese import Rouge
from sacrebleu.metrics import BLEU, CHRF, TER

from serve import serve

with open(sys.argv[1], encoding='utf-8') as file:
    pairs = json.load(file)
jieba.setLogLevel(logging.ERROR)
jieba.initialize()


def timed(count, run):
    start = time.perf_counter()
    run()
    return count / (time.perf_counter() - start)


def corpus(make, rows):
    predictions, references = [p for p, _ in pairs[:rows]], [r for _, r in pairs[:rows]]
    return timed(rows, lambda: make().corpus_score(predictions, [references]))


def bleu(rows):
    return corpus(lambda: BLEU(tokenize='zh'), rows)


def chrf(rows):
    return corpus(CHRF, rows)


def ter(rows):
    return corpus(lambda: TER(normalized=True, asian_support=True), rows)


def bootstrap(rows):
    predictions, references = [p for p, _ in pairs[:rows]], [r for _, r in pairs[:rows]]
    return timed(1000, lambda: BLEU(tokenize='zh').corpus_score(predictions, [references], n_bootstrap=1000))


def rouge(rows):
    # Splitting into characters is part of what a user pays.
    return timed(rows, lambda: Rouge().get_scores([' '.join(p) for p, _ in pairs[:rows]], [' '.join(r) for _, r in pairs[:rows]], avg=True))


def segment(rows):
    text = '\n'.join(p for p, _ in pairs[:rows])
    return timed(len(text.encode()) / 1e6, lambda: jieba.lcut(text))


versions = {name: importlib.metadata.version(name) for name in ('sacrebleu', 'rouge-chinese', 'jieba')}
serve({'bleu': bleu, 'chrf': chrf, 'ter': ter, 'bootstrap': bootstrap, 'rouge': rouge, 'segment': segment}, versions)
