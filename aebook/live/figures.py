"""The live figures of the chapters.

Matplotlib, SciPy and Keras are imported where a figure is made and not before: the pages' extension
imports this package and needs none of them.
"""

import zlib

import numpy as np

from aebook.live.display import LiveFigure

N_TRAIN, N_HELD_OUT, GREYS = 3000, 500, 7  # of the figures that train: digits, and steps of grey
N_CODES, N_IMAGES = 1000, 20  # of the test set: dots in the plane, and pictures of each digit


def latent_explorer(vae, x_test, y_test):
    """The latent plane to walk in: decode anywhere, look at spots, travel from digit to digit.

    vae: as from `build_vae`, with two latents. x_test: (n, 784) in [0, 1]; y_test: (n,) digits.
    """
    from aebook.live import stills

    arrays, settings = vae_data(vae, x_test, y_test)
    still = stills.latent_explorer(vae, x_test[:N_CODES], y_test[:N_CODES])
    return LiveFigure("latent", "vae", arrays, settings, still)


def draw_a_digit(vae, x_test, y_test):
    """Draw, and see where the encoder puts it, what the decoder makes of it, and what it costs.

    Arguments as for `latent_explorer`, with which it shares its data.
    """
    from aebook.live import stills

    arrays, settings = vae_data(vae, x_test, y_test)
    still = stills.draw_a_digit(vae, x_test[:N_CODES], y_test[:N_CODES])
    return LiveFigure("draw", "vae", arrays, settings, still)


def two_modes():
    """A mixture of two normals with sliders, and what maximum likelihood and KL make of it."""
    from aebook.live import stills

    return LiveFigure("modes", "modes", {}, {}, stills.two_modes())


def bottleneck(x, codes):
    """Ten pictures through codes of more and more bytes, one method beside the other.

    x: (n, 784) in [0, 1]. codes: dict of method to a list of (bytes, RMSE, latents, x_hat), from
    few bytes to many: bytes an image and RMSE as measured on a whole test set, x_hat: (n, 784).
    """
    from aebook.live import stills

    arrays, settings = {"x": np.rint(255 * x).astype("uint8")}, {}
    for i, (name, points) in enumerate(codes.items()):
        sizes, errors, latents, pictures = zip(*points, strict=True)
        arrays[f"x_hat_{i}"] = np.rint(255 * np.stack(pictures)).astype("uint8")
        settings[name] = {"bytes": [round(float(size), 3) for size in sizes],
                          "rmse": [round(float(error), 4) for error in errors],
                          "latents": [int(k) for k in latents]}  # fmt: skip
    return LiveFigure("bottleneck", "bottleneck", arrays, settings, stills.bottleneck(x, codes))


def learn(vae, x_train, x_test, y_test):
    """Watch it learn: chapter 3's VAE, trained in the page from new weights, on 3,000 digits.

    vae: trained, with two latents; its picture stands for the figure where nothing runs. x_train,
    x_test: (n, 784) in [0, 1]; y_test: (n,) digits. The first 500 of the test set are held out.
    """
    from aebook.live import stills

    x, y = x_test[:N_HELD_OUT], np.asarray(y_test[:N_HELD_OUT])
    arrays, settings = digits_data(x_train[:N_TRAIN], x, y)
    return LiveFigure("learn", "digits", arrays, settings, stills.learn(vae, x, y))


def digits_data(x_train, x_held_out, y_held_out):
    """What all figures of a page that train draw from: digits at three bits a pixel, deflated.

    One byte a pixel, 0 to 7, which packs smaller than three bits do.
    """
    pixels = np.rint(GREYS * np.concatenate([x_train, x_held_out])).astype("uint8")
    deflated = np.frombuffer(zlib.compress(pixels.tobytes(), 9), "uint8")
    return {"digits": deflated, "y": y_held_out}, {"n_train": len(x_train)}


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
