"""Test an answer from another process: what comes back are plain values, never code.

A submission runs in one kernel and its tests in another, in which nothing of the student's ever
runs. Where a test calls `rate(z, 1.0)`, the arguments go over a socket, the answer is called where
it lives, and numbers, arrays, strings, lists and the like come back by value. What is none of these
(a layer, a model) stays where it is: the test holds a Stand-in that passes attributes and calls on.
Neither the source of a test nor what it expects is ever in the process of the answer, so no answer
can read a test, replace `close`, or decide what an assert says.

Both kernels are handed this file as text: in the student's `serve` runs, in the tests' `listen`,
`meet` and `part`. No pickle: a value arrives as JSON and npy, and nothing in it is executed.
"""

import ast
import base64
import builtins
import contextlib
import io
import json
import socket
import struct
import sys
import traceback

import numpy as np

LONGEST = 2**28  # bytes of a message
NUMBERS = "biufcSU"  # kinds of arrays that travel; object arrays stay
SHAPES = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}
STATE = {}  # of the tests' side: where it listens, the line to the answers


class Line:
    """One end of the socket; each end asks, and answers while it waits for an answer.

    names: what the other end may read by name and see into, or None: it may then only call the
    functions that it was handed.
    """

    def __init__(self, stream, names=None):
        self.stream, self.names, self.kept = stream, names, []

    def send(self, message):
        data = json.dumps(message).encode()
        self.stream.sendall(struct.pack(">Q", len(data)) + data)

    def receive(self):
        (length,) = struct.unpack(">Q", self.read(8))
        if length > LONGEST:
            raise ValueError(f"a message of {length / 2**20:.0f} MiB is too long")
        return json.loads(self.read(length))

    def read(self, length):
        data = bytearray()
        while len(data) < length:
            if not (part := self.stream.recv(min(length - len(data), 2**20))):
                raise EOFError("the answers' process has ended")
            data += part
        return bytes(data)

    def ask(self, what, *about, handed=()):
        """Have the other end do something; its answer.

        handed: the arguments of a call. Random generators among them go on where the answer left
        them; arrays stay as they are, whatever was written into the copy there.
        """
        self.send([what, *about])
        while True:
            kind, *rest = self.receive()
            if kind == "value":
                for slot, told in rest[1]:
                    handed[slot].bit_generator.state = json.loads(told)
                return self.unpack(rest[0])
            if kind == "error":
                raise error(*rest)
            self.answer(kind, rest)

    def answer(self, what, about):
        try:
            value, used = self.do(what, *about)
            message = ["value", self.pack(value), used]
        except BaseException as problem:  # whatever an answer raises is a reply, SystemExit, too
            told = "".join(traceback.format_exception(problem)[-8:])
            message = ["error", type(problem).__name__, str(problem)[:2000], told[-4000:]]
        self.send(message)

    def do(self, what, target, *about):
        """Do what the other end asks for; the result, and where generators among arguments are."""
        if what == "call":
            positional = [self.unpack(value) for value in about[0]]
            named = {name: self.unpack(value) for name, value in about[1].items()}
            arguments = [*positional, *named.values()]
            result = self.kept[target](*positional, **named)
            used = [[slot, state(value)] for slot, value in enumerate(arguments) if state(value)]
            return result, used
        if self.names is None:
            raise PermissionError(what)
        if what == "name":
            return self.names[target], []
        if what == "get":
            return getattr(self.kept[target], about[0]), []
        return setattr(self.kept[target], about[0], self.unpack(about[1])), []

    def call(self, number, positional, named):
        sent = [self.pack(value) for value in positional]
        sent_named = {name: self.pack(value) for name, value in named.items()}
        handed = [*positional, *named.values()]
        return self.ask("call", number, sent, sent_named, handed=handed)

    def pack(self, value):
        """A value as JSON can hold it; what is no plain value is kept, and named by a number."""
        kind = type(value)
        if value is None or isinstance(value, bool):
            return ["is", value]
        if value is Ellipsis:
            return ["dots"]
        if isinstance(value, StandIn):
            return ["yours", object.__getattribute__(value, "_number")]
        if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in NUMBERS:
            if isinstance(value, np.generic):
                return ["scalar", npy(value)]
            return ["array", npy(value), bool(value.flags.writeable)]
        for plain in (int, float, str):
            if isinstance(value, plain):
                return ["is", plain(value)]
        if isinstance(value, (bytes, bytearray)):
            return ["bytes", base64.b64encode(value).decode()]
        if isinstance(value, dict):
            return ["dict", [[self.pack(k), self.pack(v)] for k, v in value.items()]]
        if isinstance(value, tuple) and kind.__module__.startswith("aebook."):
            return ["record", kind.__module__, kind.__name__, [self.pack(v) for v in value]]
        for name, plain in SHAPES.items():
            if isinstance(value, plain):
                return [name, [self.pack(v) for v in value]]
        if isinstance(value, range):
            return ["range", value.start, value.stop, value.step]
        if isinstance(value, np.random.Generator):
            return ["generator", state(value)]
        if (array := as_numbers(value)) is not None:
            return ["array", npy(array), True]
        self.kept.append(value)
        told = [
            [c.__module__, c.__name__] for c in kind.__mro__ if c.__module__.startswith("keras")
        ]
        return ["kept", len(self.kept) - 1, kind.__name__, told]

    def unpack(self, message):
        kind, *rest = message
        if kind == "is":
            return rest[0]
        if kind == "dots":
            return ...
        if kind in ("array", "scalar"):
            array = np.load(io.BytesIO(base64.b64decode(rest[0])), allow_pickle=False)
            if array.dtype.kind not in NUMBERS:
                raise TypeError(f"an array of {array.dtype}")
            if kind == "scalar":
                return array[()]
            array.flags.writeable = bool(rest[1])
            return array
        if kind == "bytes":
            return base64.b64decode(rest[0])
        if kind == "dict":
            return {self.unpack(key): self.unpack(value) for key, value in rest[0]}
        if kind == "record":
            record = known(rest[0], rest[1], "aebook.")
            values = [self.unpack(value) for value in rest[2]]
            return record(*values) if record and issubclass(record, tuple) else tuple(values)
        if kind in SHAPES:
            return SHAPES[kind](self.unpack(value) for value in rest[0])
        if kind == "range":
            return range(*rest)
        if kind == "generator":
            generator = np.random.default_rng()
            generator.bit_generator.state = json.loads(rest[0])
            return generator
        if kind == "yours":
            return self.kept[rest[0]]
        if kind == "kept":
            return stand_in(self, *rest)
        raise ValueError(f"no kind of value: {kind!r}")


class StandIn:
    """Something of the other end's: attributes and calls are passed on, nothing else is."""

    def __init__(self, line, number, told):
        for name, value in (("_line", line), ("_number", number), ("_told", told)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._line.ask("get", self._number, name)

    def __setattr__(self, name, value):
        self._line.ask("set", self._number, name, self._line.pack(value))

    def __call__(self, *positional, **named):
        return self._line.call(self._number, positional, named)

    @property
    def __class__(self):
        """For isinstance(model, keras.Model): the first class of Keras's that it claims to be."""
        found = (known(module, name, "keras") for module, name in self._told)
        return next(filter(None, found), type(self))


def stand_in(line, number, name, told):
    """A StandIn whose type bears the name of what it stands for, as messages to students say."""
    name = name if isinstance(name, str) and name.isidentifier() else "object"
    return type(name[:60], (StandIn,), {})(line, number, told)


def known(module, name, package):
    """A class of a module that was imported here, by its name, if it is of this package."""
    found = getattr(sys.modules.get(module), name, None) if module.startswith(package) else None
    return found if isinstance(found, type) else None


def npy(array):
    file = io.BytesIO()
    np.save(file, np.asarray(array), allow_pickle=False)
    return base64.b64encode(file.getbuffer()).decode()


def as_numbers(value):
    """A backend's tensor, or whatever else NumPy takes for an array of numbers; None otherwise."""
    if isinstance(value, type) or not hasattr(value, "__array__"):
        return None
    try:
        keras = sys.modules.get("keras")
        tensor = keras is not None and keras.ops.is_tensor(value)
        array = keras.ops.convert_to_numpy(value) if tensor else np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in NUMBERS else None


def state(value):
    """Where a random generator is in its sequence, as text; None of anything else."""
    generator = isinstance(value, np.random.Generator)
    return json.dumps(value.bit_generator.state) if generator else None


def error(name, message, told):
    """An exception of the other end's as one of this: the same class, if it is Python's own."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind, message = RuntimeError, f"{name}: {message}"
    try:
        problem = kind(message)
    except TypeError:  # UnicodeDecodeError wants more
        problem = RuntimeError(f"{name}: {message}")
    problem.add_note(f"In the answer:\n{told}")
    return problem


def defined(source):
    """The names that a cell gives a meaning to: of functions, classes and variables."""
    names = []
    for part in ast.parse(source).body:
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            names.append(part.name)
        for node in ast.walk(part) if isinstance(part, (ast.Assign, ast.AnnAssign)) else []:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.append(node.id)
    return sorted(set(names))


def serve(path, names):
    """Answer the tests that listen at `path` until they part. Runs in the student's kernel."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)
        line = Line(stream, names)
        while True:
            kind, *rest = line.receive()
            if kind == "end":
                return
            line.answer(kind, rest)


def listen(path):
    STATE["door"] = socket.socket(socket.AF_UNIX)
    STATE["door"].bind(path)
    STATE["door"].listen(1)


def meet(answers, names, seconds=30):
    """Wait for the student's kernel, and put what it calls by the names `answers` into `names`."""
    for name in answers:
        names.pop(name, None)
    STATE["door"].settimeout(seconds)
    stream, _ = STATE["door"].accept()
    STATE["line"] = line = Line(stream)
    for name in answers:
        try:
            names[name] = line.ask("name", name)
        except KeyError:
            continue  # the test says that it is not defined


def part():
    """End the conversation; what stands in for something of the student's is of no use any more."""
    line = STATE.pop("line", None)
    if line is not None:
        with contextlib.suppress(OSError):
            line.send(["end"])
        line.stream.close()
    STATE.pop("door").close()
