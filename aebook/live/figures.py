"""The live figures of the chapters.

Matplotlib, SciPy and Keras are imported where a figure is made and not before: the pages' extension
imports this package and needs none of them.
"""

import zlib

import numpy as np

from aebook.live.display import LiveFigure
from aebook.live.packing import packed_layer

N_TRAIN, N_HELD_OUT, GREYS = 3000, 500, 7  # of the figures that train: digits, and steps of grey
N_CODES, N_IMAGES = 1000, 8  # of the test set: dots in the plane, and pictures of each digit

N_COMPONENTS, N_DRAWS = 100, 4  # of the figure that repairs: principal components, and noises
N_CASES = 8  # thumbnails of each kind of the figure with the alarm


def latent_explorer(vae, x_test, y_test):
    """The latent plane over what it decodes to, and the way from one place of it to another.

    vae: as from `build_vae`, with two latents. x_test: (n, 784) in [0, 1]; y_test: (n,) digits.
    """
    from aebook.live import stills

    x, y = x_test[:N_CODES], np.asarray(y_test[:N_CODES])
    arrays = vae_layers(vae, ["decoder"], latents=2) | vae_codes(vae, x) | {"code_y": y}
    return LiveFigure("latent", "latent", arrays, {}, stills.latent_explorer(vae, x, y))


def draw_a_digit(vaes, x_test, y_test):
    """Draw, and see where the encoder puts it, what the decoder makes of it, and what it costs.

    vaes: as from `build_vae`, trained alike, the first with two latents, the others with more.
    x_test, y_test as for `latent_explorer`.
    """
    from aebook.live import stills

    y = np.asarray(y_test[:N_CODES])
    rows = np.concatenate([np.flatnonzero(y == digit)[:N_IMAGES] for digit in range(10)])
    arrays = {"code_y": y, "image_row": rows}
    arrays |= {"images": np.rint(255 * x_test[rows]).astype("uint8")}
    sizes = [2, *(vae.get_layer("decoder").input_shape[1] for vae in vaes[1:])]
    settings = {"latents": sizes, "percentiles": [usual_errors(vae, x_test) for vae in vaes]}
    for n, vae in zip(sizes, vaes, strict=True):
        arrays |= vae_layers(vae, ["encoder", "decoder"], n, f"{n}_")
        arrays[f"{n}_code_mean"] = vae_codes(vae, x_test[:N_CODES])["code_mean"]
    still = stills.draw_a_digit(vaes, x_test[:N_CODES], y)
    return LiveFigure("draw", "draw", arrays, settings, still)


def be_the_fit(truth):
    """A Gaussian to be put over a mixture by hand; then it rolls down forward or reverse KL.

    truth: a `Mixture` of two, the first at 0: where the figure begins. Its dials move the second
    mode and weigh both.
    """
    from aebook.live import stills

    weights, means, sds = ([float(v) for v in part] for part in truth)
    if len(weights) != 2 or means[0] != 0:
        raise ValueError(f"the figure needs two components, the first at 0; these have {means}")
    settings = {"distance": means[1], "weight": weights[0], "sds": sds}
    return LiveFigure("fit", "fit", {}, settings, stills.be_the_fit(truth))


def between_the_points(autoencoder, vae, x_test, y_test):
    """A plain autoencoder's plane and a VAE's under one pointer: what comes from between the codes.

    autoencoder, vae: as from `build_autoencoder` and `build_vae`, with two latents. x_test: (n,
    784) in [0, 1]; y_test: (n,) digits; n is more than 1,000. The pointer counts in standard
    deviations: of the autoencoder's codes, and of the VAE's prior.
    """
    from aebook.live import stills
    from aebook.models import encode

    z = encode(autoencoder, x_test)
    planes = {"ae": (autoencoder, z, z.mean(axis=0), z.std(axis=0)),
              "vae": (vae, encode(vae, x_test)[0], np.zeros(2), np.ones(2))}  # fmt: skip
    titles = {"ae": "plain autoencoder", "vae": "VAE"}
    arrays, models = {"code_y": np.asarray(y_test[:N_CODES])}, {}
    for name, (model, z_mean, middle, spread) in planes.items():
        arrays |= vae_layers(model, ["decoder"], 2, f"{name}_")
        arrays[f"{name}_mean"] = z_mean[:N_CODES]
        units = (z_mean - middle) / spread
        models[name] = {"title": titles[name], "usual": round(usual_distance(units), 4),
                        "middle": as_list(middle), "spread": as_list(spread)}  # fmt: skip
    still = stills.between_the_points(models, {k: z[:N_CODES] for k, (_, z, *_) in planes.items()},
                                      y_test[:N_CODES])  # fmt: skip
    return LiveFigure("between", "between", arrays, {"models": models}, still)


def draw_from_the_posterior(vae, x, y):
    """Ten posteriors in the plane, one of them under the finger: draws from it, and their pictures.

    vae: as from `build_vae`, with two latents. x: (10, 784) in [0, 1], a picture of each digit; y:
    (10,), the digits, 0 to 9.
    """
    from aebook.live import stills

    if list(y) != list(range(10)):
        raise ValueError(f"the figure needs a picture of each digit in turn, these are {list(y)}")
    arrays = vae_layers(vae, ["decoder"], 2) | vae_codes(vae, x)
    arrays |= {"y": np.asarray(y), "images": np.rint(255 * x).astype("uint8")}
    still = stills.draw_from_the_posterior(vae, x, y)
    return LiveFigure("posterior", "posterior", arrays, {}, still)


def bottleneck(x, codes, pca, network, x_fit):
    """Ten pictures through codes of more and more bytes, and the reader's own drawing.

    x: (n, 784) in [0, 1]. codes: dict of method to a list of (bytes, RMSE, latents, x_hat), from
    few bytes to many: bytes an image and RMSE as measured on a whole test set, x_hat: (n, 784).
    The drawing goes through 64 components of `pca` and through `network`, an autoencoder, as
    "PCA" and "autoencoder"; the frequencies of their symbols are counted on x_fit, (m, 784).
    """
    from aebook.live import stills

    arrays, settings = {"x": np.rint(255 * x).astype("uint8")}, {}
    for i, (name, points) in enumerate(codes.items()):
        sizes, errors, latents, pictures = zip(*points, strict=True)
        arrays[f"x_hat_{i}"] = np.rint(255 * np.stack(pictures)).astype("uint8")
        settings[name] = {"bytes": [round(float(size), 3) for size in sizes],
                          "rmse": [round(float(error), 4) for error in errors],
                          "latents": [int(k) for k in latents]}  # fmt: skip
    coded, settings["own"] = own_codes(pca, network, x_fit)
    still = stills.bottleneck(x, codes)
    return LiveFigure("bottleneck", "bottleneck", arrays | coded, settings, still)


def own_codes(pca, network, x_fit, n_components=64):
    """What encodes and decodes a drawing in the page by PCA and by a network: (arrays, settings).

    The network's latents are rotated until they are uncorrelated, as in chapter 1; here the
    rotation is a part of the layers at both sides of the code.
    """
    from sklearn.decomposition import PCA

    from aebook.compression import fit_coder, ideal_bytes, quantize
    from aebook.models import encode

    axes = pca.components_[:n_components].T
    arrays = {"PCA_mean": pca.mean_} | packed_layer("PCA_code", axes, -pca.mean_ @ axes)
    z = encode(network, x_fit)
    turn = PCA().fit(z)
    parts = {"encoding": "encoder", "z": "encoder", "decoding": "decoder", "logits": "decoder"}
    w = {name: network.get_layer(part).get_layer(name).get_weights()
         for name, part in parts.items()}  # fmt: skip
    kernel, bias = w.pop("z")
    w["code"] = kernel @ turn.components_.T, (bias - turn.mean_) @ turn.components_.T
    kernel, bias = w["decoding"]
    w["decoding"] = turn.components_ @ kernel, bias + turn.mean_ @ kernel
    for name, weights in w.items():
        arrays |= packed_layer(f"autoencoder_{name}", *weights)
    settings = {}
    for name, latents in {"PCA": x_fit @ axes - pca.mean_ @ axes,
                          "autoencoder": turn.transform(z)}.items():  # fmt: skip
        settings[name] = []
        for i, step in enumerate((5.66, 4.0, 2.83, 2.0, 1.41, 1.0, 0.71, 0.5)):
            coder = fit_coder(latents, step)
            size = ideal_bytes(quantize(latents, coder), coder.tables) / len(latents)
            arrays[f"{name}_tables_{i}"] = coder.tables.clip(1, 65535)
            settings[name].append({"step": step, "low": coder.low, "bytes": round(size, 3),
                                   "latents": latents.shape[1]})  # fmt: skip
    return arrays, settings


def learn(vae, x_train, x_test, y_test):
    """Watch it learn: chapter 3's VAE, trained in the page from new weights, on 3,000 digits.

    vae: trained, with two latents; its picture stands for the figure where nothing runs. x_train,
    x_test: (n, 784) in [0, 1]; y_test: (n,) digits. The first 500 of the test set are held out.
    """
    from aebook.live import stills

    x, y = x_test[:N_HELD_OUT], np.asarray(y_test[:N_HELD_OUT])
    arrays, settings = digits_data(x_train[:N_TRAIN], x, y)
    return LiveFigure("learn", "digits", arrays, settings, stills.learn(vae, x, y))


def gan(truth, rivals):
    """A generator and a discriminator, trained in the page; beside them what likelihood fits.

    truth: a `Mixture` of two, the data. rivals: dict of name to the `Mixture` that maximum
    likelihood made of them, at most two.
    """
    from aebook.densities import Mixture, mass, moments
    from aebook.live import stills

    mean, variance = moments(truth)
    middle = np.mean(truth[1])
    single = Mixture([1.0], [mean], [np.sqrt(variance)])
    settings = {
        "truth": as_json(truth),
        "valley": round(float(mass(single, middle - 0.5, middle + 0.5)) / 2, 4),
    }
    settings["rivals"] = {
        name: as_json(fit) | {"off": round(float(distance(truth, fit)), 3)}
        for name, fit in rivals.items()
    }
    return LiveFigure("gan", "gan", {}, settings, stills.gan(truth, rivals))


def add_it_up(x, y, log_joint, z_mean, z_log_var, box=6.0):
    """log p(x) as a sum over the plane, painted place by place; below it the ELBO.

    x: (k, 784) black or white; y: (k,) digits. log_joint: (k, n * n), log p(x|z) p(z) of each point
    of chapter 8's grid with its area. z_mean, z_log_var: (k, 2), as the encoder answers.
    """
    from aebook.live import stills

    tops = log_joint.max(axis=1).astype("float64")
    below = np.maximum(log_joint - tops[:, None], -6e4)  # as far down as half precision goes
    arrays = {"log_joint": below, "z_mean": z_mean, "z_log_var": z_log_var,
              "x": np.asarray(x).astype("uint8")}  # fmt: skip
    settings = {"n": int(np.sqrt(log_joint.shape[1])), "box": box, "digits": [int(d) for d in y],
                "tops": [round(float(top), 3) for top in tops]}  # fmt: skip
    still = stills.add_it_up(x[0], below[0], box, z_mean[0], z_log_var[0])
    return LiveFigure("sum", "sum", arrays, settings, still)


def flow(v, z, eps, decoder):
    """Points of noise, carried by a learned velocity to where codes lie; its steps and ends.

    v: function of (n, 2) places and a time, with its network as `v.field`: dense layers, silu
    between them, from (z_1, z_2, t) to a velocity. z: (n, 2) codes. eps: (n, 2) noise. decoder: as
    from `build_decoder`, with two latents.
    """
    from aebook.live import stills

    arrays = {"crowd": z[:2000], "noise": eps[:400]}
    dense = [part.get_weights() for part in v.field.layers if part.get_weights()]
    if [len(bias) for _, bias in dense][3:] != [2] or dense[0][0].shape[0] != 3:
        raise ValueError("the figure needs a field of four dense layers, from 3 numbers to 2")
    for i, (kernel, bias) in enumerate(dense):
        arrays |= {f"field_{i}_kernel": kernel, f"field_{i}_bias": bias}
    for name in ("decoding", "logits"):
        arrays |= packed_layer(name, *decoder.get_layer(name).get_weights())
    return LiveFigure("flow", "flow", arrays, {}, stills.flow(v, z, eps))


def spoil_and_repair(x, narrow, wide, pca, square):
    """A digit, noise of a level under the finger, and four methods' repairs with their PSNR.

    x: (11, 784) pictures in [0, 1], the digits 0 to 9 and one that is none. narrow: an autoencoder
    of chapter 6, wide: its network of one hidden layer; both end in logits. pca: of clean pictures,
    as scikit-learn fits one; its first 100 components and, of the rest, the variance of each pixel
    make the Wiener filter. square: (784,), mean squared pixels. In 5 bits, and in 4, the networks
    are 0.2 dB off at most.
    """
    from aebook.live import stills

    encoder, decoder = narrow.get_layer("encoder"), narrow.get_layer("decoder")
    parts = {"narrow": (encoder.layers + decoder.layers, 5), "wide": (wide.layers, 4)}
    arrays = {"pictures": np.rint(255 * x).astype("uint8"), "mean": pca.mean_, "square": square}
    for name, (layers, bits) in parts.items():
        weighted = [one.get_weights() for one in layers if one.get_weights()]
        for i, weights in enumerate(weighted):
            arrays |= packed_layer(f"{name}_{i}", *weights, bits)
    components = pca.components_[:N_COMPONENTS].T
    arrays |= packed_layer("component", components, np.zeros(components.shape[1]))
    rng = np.random.default_rng(0)
    arrays |= {"power": pca.explained_variance_[:N_COMPONENTS],
               "normal": rng.normal(size=(N_DRAWS, 784)),
               "uniform": rng.random((N_DRAWS, 784))}  # fmt: skip
    still = stills.spoil_and_repair(x[4], arrays["normal"][0], narrow, wide)
    return LiveFigure("repair", "repair", arrays, {}, still)


def set_the_alarm(scores, x, y):
    """A threshold over two histograms, the ROC point it gives, and what it counts.

    scores: dict of a score's name to ten arrays (n,), one for each digit held out. x: (n, 784) in
    [0, 1]; y: (n,) digits. Scores travel in 256 steps, up to the highest of a thousand but one.
    """
    from aebook.live import stills

    levels, ranges, rows = [], [], []
    for of in scores.values():
        low = np.array([score.min() for score in of])
        step = (np.array([np.quantile(score, 0.999) for score in of]) - low) / 255
        levels.append([np.clip((score - a) / b, 0, 255).round()
                       for score, a, b in zip(of, low, step, strict=True)])  # fmt: skip
        ranges.append(np.stack([low, step], axis=1).astype(float).round(6).tolist())
    for digit, score in enumerate(next(iter(scores.values()))):
        for group in (np.flatnonzero(y == digit), np.flatnonzero(y != digit)):
            ordered = group[np.argsort(score[group], kind="stable")]
            rows.append(ordered[(np.arange(0.5, N_CASES) / N_CASES * len(group)).astype(int)])
    rows = np.concatenate(rows)
    greys = np.rint(15 * x[rows]).astype("uint8")
    arrays = {"levels": np.array(levels).astype("uint8"), "y": np.asarray(y), "rows": rows,
              "pictures": greys[:, ::2] * 16 + greys[:, 1::2]}  # fmt: skip
    settings = {"scores": list(scores), "ranges": ranges}
    return LiveFigure("alarm", "alarm", arrays, settings, stills.set_the_alarm(scores, y))


def average_a_crowd(one, many):
    """Portraits of which any may be averaged: what stays sharp, in the face and behind it.

    one, many: each (x, inside, outside), portraits (n, 1024) in [0, 1] and the pixels that are face
    in all of them and in none, (1024,) booleans; of the first all are of one face.
    """
    from aebook.faces import sharpness
    from aebook.live import stills

    x, inside, outside = (np.stack(part) for part in zip(one, many, strict=True))
    for portraits, region in zip(x, outside, strict=True):  # the most usual one is the first
        behind = sharpness(portraits, region)
        usual = np.abs(behind - behind.mean()).argmin()
        portraits[[0, usual]] = portraits[[usual, 0]]
    arrays = {"pictures": np.rint(255 * x).astype("uint8"),
              "inside": inside.astype("uint8"), "outside": outside.astype("uint8")}  # fmt: skip
    return LiveFigure("crowd", "crowd", arrays, {}, stills.average_a_crowd(*x))


def two_arrows(classifier, vae, x_test, y_test):
    """A code becomes a picture and the picture a label, under one pointer.

    classifier: 784 - hidden - 10 units. vae: with two latents; its encoder is left out, but for the
    codes of 500 test digits. x_test: (n, 784) in [0, 1]; y_test: (n,) digits.
    """
    from aebook.live import stills
    from aebook.models import encode

    arrays = {}
    for name, one in zip(("hidden", "label"), classifier.layers, strict=True):
        arrays |= packed_layer(name, *one.get_weights())
    for name in ("decoding", "logits"):
        arrays |= packed_layer(name, *vae.get_layer("decoder").get_layer(name).get_weights())
    first = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
    arrays |= {"code_mean": encode(vae, x_test[:N_HELD_OUT])[0], "code_y": y_test[:N_HELD_OUT],
               "pictures": np.rint(255 * x_test[first]).astype("uint8")}  # fmt: skip
    still = stills.two_arrows(classifier, vae, arrays["code_mean"], y_test[:N_HELD_OUT])
    return LiveFigure("arrows", "arrows", arrays, {}, still)


def as_json(mixture):
    """A Mixture as JSON has it."""
    names = ("weights", "means", "sds")
    return {k: as_list(part) for k, part in zip(names, mixture, strict=True)}


def distance(p, q):
    """How far apart two Mixtures are in hours: the area between their distribution functions."""
    from aebook.densities import mass

    grid, step = np.linspace(-25, 30, 5501, retstep=True)
    return sum(abs(mass(p, -np.inf, x) - mass(q, -np.inf, x)) for x in grid) * step


def digits_data(x_train, x_held_out, y_held_out):
    """What all figures of a page that train draw from: digits at three bits a pixel, deflated.

    One byte a pixel, 0 to 7, which packs smaller than three bits do.
    """
    pixels = np.rint(GREYS * np.concatenate([x_train, x_held_out])).astype("uint8")
    deflated = np.frombuffer(zlib.compress(pixels.tobytes(), 9), "uint8")
    return {"digits": deflated, "y": y_held_out}, {"n_train": len(x_train)}


def vae_layers(vae, parts, latents, prefix=""):
    """The layers of a VAE's `parts` as arrays, their names behind `prefix`. ValueError where it has
    other than so many latents and 784 pixels.
    """
    found = vae.get_layer("decoder").input_shape[1], vae.get_layer("decoder").output_shape[1]
    if found != (latents, 784):
        raise ValueError(f"a live figure needs {latents} latents and 784 pixels, this VAE has "
                         f"{found[0]} and {found[1]}")  # fmt: skip
    names = {"encoder": ("encoding", "z_mean", "z_log_var"), "decoder": ("decoding", "logits")}
    arrays = {}
    for part in parts:
        for name in names[part]:
            kernel, bias = vae.get_layer(part).get_layer(name).get_weights()
            arrays |= packed_layer(prefix + name, kernel, bias)
    return arrays


def vae_codes(vae, x):
    """Where a VAE puts some pictures, as arrays."""
    from aebook.models import encode

    return dict(zip(("code_mean", "code_log_var"), encode(vae, x), strict=True))


def usual_distance(units):
    """How far 99 % of the codes lie at most from the nearest of those in the figure. units: (n, 2).

    The codes in the figure, the first 1,000, are not asked.
    """
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1).fit(units[:N_CODES])
    return float(np.quantile(nearest.kneighbors(units[N_CODES:])[0], 0.99))


def as_list(numbers):
    """Numbers as JSON has them."""
    return [round(float(v), 6) for v in numbers]


def usual_errors(vae, x):
    """The reconstruction errors of some pictures, at the mean of q(z|x), in nats: percentiles."""
    from aebook.models import decode, encode

    x_hat = decode(vae, encode(vae, x)[0]).clip(1e-7, 1 - 1e-7)
    errors = -(x * np.log(x_hat) + (1 - x) * np.log1p(-x_hat)).sum(axis=1)
    return [round(float(q), 2) for q in np.quantile(errors, np.linspace(0, 1, 101))]
