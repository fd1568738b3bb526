"""What the tests of a class share."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _setup():
    """Not the one above: a hub needs no TensorFlow, its kernels do."""
