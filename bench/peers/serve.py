"""Answers the bench harness: one JSON line per request on stdin, one per answer on stdout.

    from serve import serve
    serve({'encode': encode}, versions={'tokenizers': tokenizers.__version__})

where encode(**args) runs once and returns the figure, a number. Whatever else the program prints goes to stderr.
"""
import json
import os
import sys
import traceback


def serve(measures, versions=None):
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)  # libraries that print must not mix with the answers

    def send(reply):
        answers.write(json.dumps(reply) + '\n')
        answers.flush()

    send({'ready': {'python': sys.version.split()[0], **(versions or {})}})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            send({'value': float(measures[request['measure']](**request['args']))})
        except Exception as error:
            traceback.print_exc()
            send({'error': f'{type(error).__name__}: {error}'})
