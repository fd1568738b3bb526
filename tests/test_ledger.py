"""The ledger: every claim has a verdict that a cell or a reference holds, every row its place."""

import re

import nbformat
import pytest
from _ext import ledger
from conftest import NOTEBOOKS, ROOT

DATA = ledger.read()
CLAIMS = [row for group in DATA["claims"] for row in group["rows"]]
CELLS = {
    f"{path.stem}/{cell.id}": cell.source
    for path in NOTEBOOKS
    for cell in nbformat.read(path, as_version=4).cells
}
# A second judgement, by number, of the classic chapter's claims; all others of them are wrong.
WITH_CARE = {1, 2, 4, 6, 7, 17, 20, 21, 22, 25, 32, 38, 46, 50, 52, 53}
# What the book covers, after the classic chapter: ideas, uses, listings, figures, and what is new.
ROWS = (
    [f"I{k}" for k in range(1, 18)]
    + [f"U{k}" for k in range(1, 8)]
    + [f"L2.{k}" for k in range(1, 9)]
    + [f"F2.{k}" for k in range(1, 10)]
    + [f"N{k}" for k in range(1, 10)]
)

# Those that are not of the classic chapter and do not hold, up to a colon.
OTHERS = {
    "A convolutional VAE models pictures better than a dense one.": "care",
    "The likelihood of the pixels says which model is better, whatever the pictures.": "wrong",
    "A generative model does not memorize": "wrong",
    "A trained model can be given away as one file.": "care",
}


@pytest.mark.parametrize("claim", CLAIMS, ids=[str(claim.get("number")) for claim in CLAIMS])
def test_a_claim_is_held_by_an_assert_or_a_reference(claim):
    assert claim["verdict"] in ledger.VERDICTS
    assert claim.get("cells") or claim.get("refs"), "neither a cell nor a reference"
    for place in claim.get("cells", []):
        assert place in CELLS, f"no cell {place}"
        assert re.search(r"^ *assert ", CELLS[place], re.M), f"{place} asserts nothing"
    bib = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    for key in claim.get("refs", []):
        assert f"{{{key}," in bib, f"no reference {key}"


def test_all_56_claims_of_the_classic_chapter_are_judged_once():
    numbers = sorted(claim["number"] for claim in CLAIMS if "number" in claim)
    assert numbers == list(range(1, 57))


def test_a_verdict_is_that_of_the_second_judgement():
    """No cell can say whether a sentence is wrong: it is judged here and in the ledger."""
    for claim in CLAIMS:
        number = claim.get("number")
        judged = "care" if number in WITH_CARE else "wrong" if number else "holds"
        judged = OTHERS.get(claim["says"].split(":")[0], judged)
        assert claim["verdict"] == judged, claim["says"]


def test_the_claims_that_are_judged_by_their_beginning_are_in_the_ledger():
    assert set(OTHERS) <= {claim["says"].split(":")[0] for claim in CLAIMS}


def test_every_row_has_its_place():
    assert set(ROWS) <= set(DATA["coverage"])
    for key, row in DATA["coverage"].items():
        assert row["places"], key
        for place in row["places"]:
            page = ROOT / "book" / f"{place}.md"
            assert place in CELLS or ("/" not in place and page.exists()), f"{key}: no {place}"


def test_no_formula_loses_a_bar_in_a_table():
    """There a bar ends a cell, and its escape is no longer the double bar of a divergence."""
    assert "|" not in ledger.LEDGER.read_text(encoding="utf-8")
