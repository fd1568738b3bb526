"""The helper package of the book: data, models, training, densities and figures.

Every chapter starts with `aebook.setup()` and takes what it has already taught from here.
"""

from aebook.data import DataError, Mnist, load_mnist, split
from aebook.runtime import setup
from aebook.tables import Table

__version__ = "1.0.0"
__all__ = ["DataError", "Mnist", "Table", "load_mnist", "setup", "split"]
