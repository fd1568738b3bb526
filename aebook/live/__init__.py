"""Live figures: a chapter's own trained model under the reader's finger.

Each function below returns a `LiveFigure` for the last line of a cell. In Jupyter and Colab, where
the package anywidget is at hand, it is a widget that carries the weights of the running notebook.
Everywhere else it is a picture. The book's pages put the same code, with the weights stored beside
them, in the picture's place; see book/_ext/live.py.

The code of a figure is common.js and its own module put one behind the other: one ES module. What
it draws from is one block of bytes, floats in half precision, and a header that says what is where.
"""

import base64
import hashlib
import io
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from aebook.live import stills

HERE = Path(__file__).parent
STYLE = HERE / "live.css"
VARIABLE = "AEBOOK_LIVE"  # the folder `make execute` wants the data in; no widgets are made then
N_CODES, N_IMAGES = 1000, 20  # of the test set: dots in the plane, and pictures of each digit


def module(name):
    """The ES module of a figure as one text: what all figures share, then its own."""
    return "\n".join((HERE / f"{part}.js").read_text(encoding="utf-8") for part in ("common", name))


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


class LiveFigure:
    """A figure to be displayed: a widget where there are widgets, else its still picture.

    name: of its module. data: of its data file; figures of one chapter may share one. still: a
    matplotlib figure, what is seen in print, on GitHub and without JavaScript; it is closed.
    """

    def __init__(self, name, data, arrays, settings, still):
        self.name, self.data = name, data
        self.header, self.payload = pack(arrays, settings)
        picture = io.BytesIO()
        still.savefig(picture, format="png")
        plt.close(still)
        self.picture = base64.b64encode(picture.getvalue()).decode()

    def __repr__(self):
        return f"<live figure {self.name!r}: a picture here, alive in the book and with anywidget>"

    def widget(self):
        """The figure as an anywidget, or None where that package is missing."""
        try:
            import anywidget
            import traitlets
        except ImportError:
            return None
        traits = {"header": traitlets.Dict(self.header), "payload": traitlets.Bytes(self.payload)}
        synced = {key: trait.tag(sync=True) for key, trait in traits.items()}
        code = {"_esm": module(self.name), "_css": STYLE.read_text(encoding="utf-8")}
        return type(f"Live_{self.name}", (anywidget.AnyWidget,), synced | code)()

    def _repr_mimebundle_(self, **kwargs):
        told = {"live": self.name, "data": self.data, "sha256": self.header["sha256"]}
        bundle = {"text/plain": repr(self), "image/png": self.picture}
        metadata = {"aebook": told}
        if folder := os.environ.get(VARIABLE):
            write_data(folder, self.data, self.header, self.payload)
        elif widget := self.widget():
            shown = widget._repr_mimebundle_()
            shown, extra = shown if isinstance(shown, tuple) else (shown, {})
            bundle, metadata = shown | bundle, metadata | extra
        return bundle, metadata


def latent_explorer(vae, x_test, y_test):
    """The latent plane to walk in: decode anywhere, look at spots, travel from digit to digit.

    vae: as from `build_vae`, with two latents. x_test: (n, 784) in [0, 1]; y_test: (n,) digits.
    """
    arrays, settings = vae_data(vae, x_test, y_test)
    still = stills.latent_explorer(vae, x_test[:N_CODES], y_test[:N_CODES])
    return LiveFigure("latent", "vae", arrays, settings, still)


def draw_a_digit(vae, x_test, y_test):
    """Draw, and see where the encoder puts it, what the decoder makes of it, and what it costs.

    Arguments as for `latent_explorer`, with which it shares its data.
    """
    arrays, settings = vae_data(vae, x_test, y_test)
    still = stills.draw_a_digit(vae, x_test[:N_CODES], y_test[:N_CODES])
    return LiveFigure("draw", "vae", arrays, settings, still)


def two_modes():
    """A mixture of two normals with sliders, and what maximum likelihood and KL make of it."""
    return LiveFigure("modes", "modes", {}, {}, stills.two_modes())


def bottleneck(x, codes):
    """Ten pictures through codes of more and more bytes, one method beside the other.

    x: (n, 784) in [0, 1]. codes: dict of method to a list of (bytes, RMSE, latents, x_hat), from
    few bytes to many: bytes an image and RMSE as measured on a whole test set, x_hat: (n, 784).
    """
    arrays, settings = {"x": np.rint(255 * x).astype("uint8")}, {}
    for i, (name, points) in enumerate(codes.items()):
        sizes, errors, latents, pictures = zip(*points, strict=True)
        arrays[f"x_hat_{i}"] = np.rint(255 * np.stack(pictures)).astype("uint8")
        settings[name] = {"bytes": [round(float(size), 3) for size in sizes],
                          "rmse": [round(float(error), 4) for error in errors],
                          "latents": [int(k) for k in latents]}  # fmt: skip
    return LiveFigure("bottleneck", "bottleneck", arrays, settings, stills.bottleneck(x, codes))


def vae_data(vae, x_test, y_test):
    """What the figures of a VAE draw from: its weights, some codes, some images, usual errors."""
    from aebook.models import decode, encode

    layers = [("encoder", "encoding"), ("encoder", "z_mean"), ("encoder", "z_log_var"),
              ("decoder", "decoding"), ("decoder", "logits")]  # fmt: skip
    arrays = {}
    for part, layer in layers:
        kernel, bias = vae.get_layer(part).get_layer(layer).get_weights()
        arrays |= {f"{layer}_kernel": kernel, f"{layer}_bias": bias}
    if arrays["decoding_kernel"].shape[0] != 2 or arrays["logits_bias"].shape != (784,):
        raise ValueError(
            f"a live figure needs 2 latents and 784 pixels, this VAE has "
            f"{arrays['decoding_kernel'].shape[0]} and {arrays['logits_bias'].size}"
        )
    z_mean, z_log_var = encode(vae, x_test)
    x_hat = decode(vae, z_mean).clip(1e-7, 1 - 1e-7)
    errors = -(x_test * np.log(x_hat) + (1 - x_test) * np.log1p(-x_hat)).sum(axis=1)
    y = np.asarray(y_test[:N_CODES])
    rows = np.concatenate([np.flatnonzero(y == digit)[:N_IMAGES] for digit in range(10)])
    arrays |= {"code_mean": z_mean[:N_CODES], "code_log_var": z_log_var[:N_CODES], "code_y": y}
    arrays |= {"image_row": rows, "images": np.rint(255 * x_test[rows]).astype("uint8")}
    quantiles = np.quantile(errors, np.linspace(0, 1, 101))
    return arrays, {"reconstruction_percentiles": [round(float(q), 2) for q in quantiles]}
