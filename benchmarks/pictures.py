"""What other pictures do to the book's findings: chapters on clothes, chapter 17 with other seeds.

    python benchmarks/pictures.py    about fifteen minutes, on the full MNIST and Fashion-MNIST

Each run has a kernel of its own. Clothes: the chapters of ASKED as a reader runs them, once on the
digits and once with AEBOOK_MNIST=fashion; at the end their kernel is asked for the values of a few
expressions. Colour: chapter 17 with SEEDS other seeds, moved as `make bench-seeds` moves them.

The results go to book/benchmarks.yml and book/benchmarks.md; chapter 17 shows some of them.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import seeds
import tables
import yaml
from nbclient import NotebookClient

from aebook import DataError, load_mnist
from aebook.data import resolve_named

ROOT = Path(__file__).resolve().parent.parent
SEEDS = 5
COLOUR = "17-other-pictures"
# Of each chapter: what the table says, and the expression whose value it is.
ASKED = {
    "03-variational-autoencoder": {
        "test loss, two latents": "two",
        "test loss, ten latents": "ten",
    },
    "04-latent-space": {
        "read from a random plane": "accuracy['random plane']",
        "read from the VAE's plane": "accuracy['VAE']",
    },
    "08-how-likely": {
        "log p(x)": "log_p.mean()",
        "gap of the ELBO": "gap.mean()",
        "less likely than a blank page": "beaten",
    },
    "15-learned-prior": {
        "Fréchet distance, N(0, I)": "np.mean(distances['N(0, I)'])",
        "Fréchet distance, mixture of 20": "np.mean(distances['mixture of 20'])",
    },
    "16-vocabulary": {
        "PSNR, VQ-VAE (dB)": "psnr['VQ-VAE, restarts']",
        "PSNR, patches (dB)": "psnr['patches']",
        "bits, VQ-VAE with its prior": "cost['VQ-VAE'][1]",
        "bits, patches with theirs": "cost['patches'][1]",
    },
}


def answers(stem, expressions, environment=None, by=None):
    """{name: value} of expressions at the end of a chapter's run, as floats.

    expressions: {name: source}, or one source of a dict. by: moves all seeds, as in `seeds`;
    asserts are then noted and not raised.
    """
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    if by is not None:
        notebook = seeds.prepared(notebook, by)
    asked = expressions
    if isinstance(expressions, dict):
        asked = "{" + ", ".join(f"{name!r}: {source}" for name, source in expressions.items()) + "}"
    last = f"import json\nprint(json.dumps({asked}, default=float))"
    notebook.cells.append(nbformat.v4.new_code_cell(last))
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(notebook, timeout=600, iopub_timeout=60, kernel_name="python3",
                                resources={"metadata": {"path": empty}},
                                extra_arguments=["--log-level=ERROR"])  # fmt: skip
        client.execute(env=os.environ | (environment or {}))
    return json.loads(notebook.cells[-1].outputs[0].text)


def clothes():
    """{chapter: {what: [on digits, on clothes]}}"""
    found = {}
    for stem, expressions in ASKED.items():
        digits = answers(stem, expressions)
        fashion = answers(stem, expressions, {"AEBOOK_MNIST": "fashion"})
        found[stem] = {what: [digits[what], fashion[what]] for what in expressions}
        print(stem, found[stem], flush=True)
    return found


def colour():
    """{model: {"bits": one a seed, "psnr": one a seed}} on the test patches of chapter 17."""
    runs = []
    for by in range(1, SEEDS + 1):
        runs.append(answers(COLOUR, "results", by=by))
        print(f"seed {by}", runs[-1], flush=True)
    return {
        model: {what: [one[model][k] for one in runs] for k, what in enumerate(("bits", "psnr"))}
        for model in runs[0]
    }


def main():
    resolve_named()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        if len(load_mnist(quiet=True).x_train) != 60_000:
            sys.exit("pictures: needs the full MNIST; put its path into AEBOOK_MNIST")
        load_mnist("fashion", quiet=True)
    except DataError as error:
        sys.exit(f"pictures: {error}")
    data = tables.read()
    data["pictures"] = {"clothes": clothes(), "colour": colour()}
    tables.DATA.write_text(tables.HEAD + yaml.safe_dump(data, sort_keys=False))
    tables.stamp(tables.DATA)


if __name__ == "__main__":
    main()
