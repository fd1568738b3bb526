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


def packed_layer(name, kernel, bias, bits=8):
    """A dense layer as arrays for `pack`, its kernel in few bits: {array's name: array}.

    kernel: (n_in, n_out), each column of it in steps of its own: a share of its largest weight, or
    below 8 bits of less, where a few clipped weights cost less than coarse ones; parts/network.js
    makes it float again, and `unpacked_kernel`. bias: (n_out,). bits: 2 to 8.
    """
    most = 2 ** (bits - 1) - 1
    top = np.abs(kernel).max(axis=0).clip(1e-6)
    shares = np.array([1, 0.8, 0.65, 0.5, 0.4] if bits < 8 else [1])
    steps = np.outer(shares, top / most).astype("float16").astype("float32")
    tried = np.rint(kernel / steps[:, None]).clip(-most, most)
    best = np.sum((tried * steps[:, None] - kernel) ** 2, axis=1).argmin(axis=0)
    scale, levels = steps[best, np.arange(len(top))], tried[best, :, np.arange(len(top))].T
    levels = (levels + most + 1).astype("uint8")
    arrays = {f"{name}_kernel": levels, f"{name}_scale": scale, f"{name}_bias": bias}
    if bits == 8:
        return arrays
    stream = np.unpackbits(levels.ravel()[:, None], axis=1)[:, 8 - bits :]
    return arrays | {f"{name}_kernel": np.packbits(stream), f"{name}_bits": np.array([bits])}


def unpacked_kernel(arrays, name):
    """The kernel of `packed_layer` as the page has it: float64 (n_in, n_out)."""
    packed, scale = arrays[f"{name}_kernel"], arrays[f"{name}_scale"].astype("float64")
    bits = int(arrays.get(f"{name}_bits", [8])[0])
    stream = np.unpackbits(packed.ravel())
    stream = stream[: len(stream) // (bits * len(scale)) * bits * len(scale)].reshape(-1, bits)
    levels = stream @ (1 << np.arange(bits)[::-1])
    return (levels.reshape(-1, len(scale)) - 2.0 ** (bits - 1)) * scale


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
