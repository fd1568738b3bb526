"""What the exercises' tests say when a number is not the one it should be."""

import numpy as np

MISSING = "No answer was given: is a `return` missing?"


def given(answer, parts=None):
    """`answer`, if there is one.

    Raises AssertionError if it is None or `...`, or, with `parts`, not that many values.
    """
    if answer is None or answer is Ellipsis:
        raise AssertionError(MISSING)
    if parts is not None and not (isinstance(answer, (tuple, list)) and len(answer) == parts):
        raise AssertionError(f"{parts} values are to be returned, separated by a comma.")
    return answer


def close(got, wanted, message, tolerance=1e-6):
    """Raise AssertionError unless `got` is the number, or array of numbers, `wanted`.

    got: an answer: numbers, an array or a backend's tensor. wanted: what it should be; its shape is
    asked for, too. message: one or two sentences that tell the student where to look; what was
    found is added to it. tolerance: absolute, and relative to `wanted`.

    Only plain numbers are compared, so that no object with an `==` of its own can pass.
    """
    wanted = np.asarray(wanted, "float64")
    if got is None or got is Ellipsis:
        raise AssertionError(f"{message} ({MISSING})")
    try:
        numbers = np.asarray(got)
    except (TypeError, ValueError, RuntimeError):
        numbers = None
    if numbers is None or numbers.dtype.kind not in "biuf":
        raise AssertionError(f"{message} (Expected numbers, found {type(got).__name__}.)")
    got = numbers.astype("float64")
    if got.shape != wanted.shape:
        shapes = f"(Expected the shape {wanted.shape}, found {got.shape}.)"
        raise AssertionError(f"{message} {shapes}")
    near = np.abs(got - wanted) <= tolerance * np.maximum(1, np.abs(wanted))
    if not np.all(near):  # not (difference > tolerance): nan must fail
        first = np.unravel_index(np.argmin(near), near.shape)
        where = f" at {', '.join(map(str, first))}" if first else ""
        raise AssertionError(f"{message} (Found {float(got[first]):.6g}{where}.)")
