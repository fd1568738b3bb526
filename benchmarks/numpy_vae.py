"""The VAE of chapter 3 trained with NumPy alone, the gradient worked out by hand.

Same sizes, same loss, same optimizer (RMSprop, Keras's defaults) as jax_vae.py, whose parameters
this takes. What a chapter's mathematics costs without any framework.
"""

import numpy as np

RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7


def value_and_gradient(parameters, x, eps):
    """The loss and its derivative by each parameter, {name: (weights, bias)} like them.

    x: (n, 784), eps: (n, latent_dim), all float32.
    """
    weights = {name: w for name, (w, _) in parameters.items()}

    def layer(name, values):
        w, b = parameters[name]
        return values @ w + b

    h = np.maximum(layer("encoding", x), 0)
    z_mean, z_log_var = layer("z_mean", h), layer("z_log_var", h)
    spread = np.exp(z_log_var / 2)
    z = z_mean + spread * eps
    g = np.maximum(layer("decoding", z), 0)
    logits = layer("logits", g)
    u = np.exp(-np.abs(logits))
    value = np.sum(np.maximum(logits, 0) + np.log1p(u) - x * logits)
    value += np.sum(z_mean**2 + spread**2 - 1 - z_log_var) / 2

    n = len(x)
    by_logits = (np.where(logits > 0, 1, u) / (1 + u) - x) / n  # (sigmoid(logits) - x) / n
    by_g = by_logits @ weights["logits"].T * (g > 0)
    by_z = by_g @ weights["decoding"].T
    by_mean = by_z + z_mean / n
    by_log_var = by_z * eps * spread / 2 + (spread**2 - 1) / (2 * n)
    by_h = (by_mean @ weights["z_mean"].T + by_log_var @ weights["z_log_var"].T) * (h > 0)
    arrows = {
        "encoding": (x, by_h),
        "z_mean": (h, by_mean),
        "z_log_var": (h, by_log_var),
        "decoding": (z, by_g),
        "logits": (g, by_logits),
    }
    return value / n, {name: (a.T @ b, b.sum(axis=0)) for name, (a, b) in arrows.items()}


def step(parameters, squares, x, eps):
    """One step of RMSprop; changes parameters and squares in place and returns the loss."""
    value, slopes = value_and_gradient(parameters, x, eps)
    for name, layer in parameters.items():
        for p, s, g in zip(layer, squares[name], slopes[name], strict=True):
            s *= RHO
            s += (1 - RHO) * g * g
            p -= RATE * g / np.sqrt(s + EPSILON)
    return value


def make_epoch(parameters, x, batch_size=100, seed=1):
    """A function () -> mean loss that runs one epoch over x and changes the parameters.

    parameters: as from `jax_vae.initial_parameters`; copied.
    """
    rng = np.random.default_rng(seed)
    parameters = {k: tuple(np.array(a) for a in layer) for k, layer in parameters.items()}
    squares = {k: tuple(np.zeros_like(a) for a in layer) for k, layer in parameters.items()}
    latent_dim = len(parameters["z_mean"][1])

    def epoch():
        order = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
        return np.mean([
            step(parameters, squares, x[rows], rng.standard_normal((batch_size, latent_dim), "f4"))
            for rows in order.reshape(-1, batch_size)
        ])  # fmt: skip

    return epoch
