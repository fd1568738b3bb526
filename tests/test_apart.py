"""An answer and its tests in two processes: what goes over the line, and what does not."""

import socket
import struct
import threading

import apart
import numpy as np
import pytest

from aebook.densities import Mixture

ANSWERS = """
import numpy as np
from aebook.densities import Mixture

class Everything(float):
    __hash__ = None
    def __eq__(self, other): return True

class Layer:
    units = 3
    def __call__(self, x): return x * self.units

class Bomb:
    def __reduce__(self): return (exec, ("raise SystemExit",))

def same(x): return x
def add(x, y=1): return x + y
def shift(w):
    w -= 1
    return w
def toss(rng): return rng.random(3)
def twice(f, x): return f(f(x))
def wrong(): raise ValueError("no such loss")
def leave(): raise SystemExit(3)
def wider(m): return Mixture(m.weights, m.means, np.asarray(m.sds) * 2)
def objects(): return np.array([Bomb()], object)
layer, everything, word = Layer(), Everything(7), "seven"
"""


@pytest.fixture
def line():
    """The tests' end of a line to these answers."""
    ours, theirs = socket.socketpair()
    names = {}
    exec(ANSWERS, names)

    def serve():
        line = apart.Line(theirs, names)
        while (message := line.receive())[0] != "end":
            line.answer(message[0], message[1:])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    line = apart.Line(ours)
    line.get = lambda name: line.ask("name", name)
    yield line
    line.send(["end"])
    thread.join(5)
    ours.close(), theirs.close()


@pytest.mark.parametrize(
    "value",
    [None, ..., True, 3, 10**40, 0.5, float("inf"), "é", b"\x00", [1, [2.0]], (1, "a"), {1, 2},
     {"a": (1, 2), 3: None}, range(3), np.float64(2), np.int64(2), np.bool_(True),
     Mixture([1.0], [2.0], [3.0])],
    ids=repr,
)  # fmt: skip
def test_plain_values_come_back_as_what_they_are(line, value):
    got = line.get("same")(value)
    assert got == value
    assert type(got) is type(value)


def test_arrays_and_tensors_are_arrays(line):
    import keras

    for array in (np.arange(6.0).reshape(2, 3), np.zeros((0, 2), "float32"), np.array([True])):
        got = line.get("same")(array)
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        assert np.array_equal(got, array)
    tensor = keras.ops.convert_to_tensor([1.0, 2.0])
    assert np.array_equal(line.get("same")(tensor), [1, 2])


def test_an_object_equal_to_everything_is_a_number_again(line):
    assert type(line.get("everything")) is float
    assert line.get("everything") != 8


def test_what_is_no_plain_value_stays_and_is_passed_on(line):
    layer = line.get("layer")
    assert type(layer).__name__ == "Layer"
    assert (layer.units, layer(2)) == (3, 6)
    layer.units = 5
    assert layer(np.array([2])) == [10]
    assert line.get("same")(layer)(1) == 5
    with pytest.raises(AttributeError):
        layer.__globals__  # noqa: B018
    assert np.asarray(line.get("objects")()).dtype == object  # nothing was unpickled


def test_no_answer_changes_what_a_test_computes_with(line):
    """An answer that empties a picture and returns it would equal whatever is made of it."""
    w = np.ones(3)
    assert line.get("shift")(w=w).tolist() == [0, 0, 0]
    assert w.tolist() == [1, 1, 1]
    w.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        line.get("shift")(w)


def test_a_random_generator_goes_on_where_the_answer_left_it(line):
    rng = np.random.default_rng(1)
    drawn = [*line.get("toss")(rng), *line.get("toss")(rng=rng)]
    assert drawn == np.random.default_rng(1).random(6).tolist()


def test_a_function_that_a_test_hands_over_is_called_here(line):
    seen = []

    def f(x):
        seen.append(x)
        return line.get("add")(x)

    assert line.get("twice")(f, 1) == 3
    assert seen == [1, 2]


def test_what_an_answer_raises_is_raised_here(line):
    with pytest.raises(ValueError, match="no such loss"):
        line.get("wrong")()
    with pytest.raises(RuntimeError, match="SystemExit"):
        line.get("leave")()
    with pytest.raises(KeyError):
        line.get("nothing")


@pytest.mark.parametrize(
    "message",
    [["name", "apart"], ["get", 0, "__globals__"], ["set", 0, "x", ["is", 1]], ["call", 9, [], {}]],
)
def test_the_answers_may_ask_for_nothing_but_the_functions_they_were_handed(message):
    ours, theirs = socket.socketpair()
    tests = apart.Line(ours)
    tests.pack(len)  # kept, as what a test hands over
    tests.answer(message[0], message[1:])
    assert apart.Line(theirs).receive()[0] == "error"
    ours.close(), theirs.close()


@pytest.mark.parametrize(
    "message",
    [["record", "builtins", "exec", []], ["array", "AAAA", True],
     ["kept", 0, "x y", [["os", "system"]]], ["nonsense"], [], {"a": 1}],
    ids=str,
)  # fmt: skip
def test_whatever_comes_over_the_line_is_a_value_or_an_error(message):
    line = apart.Line(None)
    try:
        value = line.unpack(message)
    except Exception:
        return
    assert isinstance(value, (tuple, apart.StandIn))
    assert not callable(getattr(value, "__wrapped__", None))


def test_a_message_that_is_too_long_is_refused():
    ours, theirs = socket.socketpair()
    theirs.sendall(struct.pack(">Q", 2**40))
    with pytest.raises(ValueError, match="too long"):
        apart.Line(ours).receive()
    theirs.close()
    with pytest.raises((EOFError, ConnectionError)):
        apart.Line(ours).receive()
    ours.close()
