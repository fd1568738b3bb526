"""Processes whose Keras computes with another backend, and which run functions handed to them.

A process has one backend, chosen once; so to ask several, one needs as many processes.
"""

import inspect
import json
import os
import subprocess
import sys
import textwrap

PROGRAM = """
import json, sys
import aebook
aebook.setup()
import keras, numpy as np
from keras import layers, ops
from aebook import models, training
for line in sys.stdin:
    sources, name = json.loads(line)
    for source in sources:
        exec(source, globals())
    print(json.dumps(globals()[name]()), flush=True)
"""


class Workshop:
    """A process with a backend of its own, in a folder of its own; it waits for functions.

    backend: of `keras.config.backend()`; folder: where it runs and finds files.
    """

    def __init__(self, backend, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "KERAS_BACKEND": backend},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *functions):
        """Hand over the source of these functions, run the last one there, return its answer.

        They know `np`, `keras`, `layers`, `ops`, `models` and `training` of aebook, and each
        other; nothing else of where they were written. The answer is plain data, as JSON has it.
        Raises RuntimeError with the process's last words where it ended instead.
        """
        sources = [textwrap.dedent(inspect.getsource(function)) for function in functions]
        self.process.stdin.write(json.dumps([sources, functions[-1].__name__]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(self.process.communicate()[1])
        return json.loads(answer)

    def close(self):
        """End the process, and wait until it has ended."""
        self.process.communicate()
