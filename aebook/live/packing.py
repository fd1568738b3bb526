"""What a live figure draws from: one block of bytes, and a header that says what is where."""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np


def pack(arrays, settings):
    """Arrays as one block of bytes, and the header that finds them in it.

    arrays: dict of str to array; floats become float16, whole numbers uint8 or uint16. settings:
    whatever else the figure needs, as JSON. Returns (header, payload); the header's fingerprint
    is the SHA-256 of all of it.
    """
    where, parts, offset = {}, [], 0
    for name, array in arrays.items():
        kind = np.float16 if array.dtype.kind == "f" else np.min_scalar_type(int(array.max()))
        part = np.ascontiguousarray(array, kind)
        where[name] = [part.dtype.name, list(part.shape), offset]
        parts.append(part.astype(part.dtype.newbyteorder("<")).tobytes())
        offset += len(parts[-1])
    payload = b"".join(parts)
    header = {"arrays": where, "settings": settings}
    return header | {"sha256": fingerprint(header, payload)}, payload


def unpack(header, payload):
    """The arrays of `pack`, floats as float32, and the settings."""
    arrays = {}
    for name, (kind, shape, offset) in header["arrays"].items():
        flat = np.frombuffer(payload, np.dtype(kind).newbyteorder("<"), int(np.prod(shape)), offset)
        arrays[name] = flat.reshape(shape).astype("float32" if kind == "float16" else kind)
    return arrays, header["settings"]


def fingerprint(header, payload):
    """SHA-256 of a block of bytes and of what its header says of it."""
    said = {key: header[key] for key in ("arrays", "settings")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode() + payload).hexdigest()


def write_data(folder, name, header, payload):
    """Write the data of a figure as a script that a page can load, also from file://."""
    said = json.dumps(header | {"payload": base64.b64encode(payload).decode()})
    text = f"(globalThis.aebookData ??= {{}})[{json.dumps(name)}] = {said};\n"
    (Path(folder) / f"{name}.js").write_text(text, encoding="utf-8")


def read_data(path):
    """(header, payload) of a file by `write_data`."""
    header = json.loads(Path(path).read_text(encoding="utf-8").partition(" = ")[2].rstrip(";\n"))
    return header, base64.b64decode(header.pop("payload"))
