"""The VAE of chapter 3 trained by a loop written by hand in JAX: what Keras is measured against.

Same sizes, same loss, same optimizer (RMSprop, Keras's defaults), same batch size. A whole epoch,
shuffling included, is one compiled `lax.scan`.
"""

import jax
import jax.numpy as jnp
import numpy as np

RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7


def dense(key, n_in, n_out):
    limit = np.sqrt(6 / (n_in + n_out))  # Glorot uniform, as in Keras
    return jax.random.uniform(key, (n_in, n_out), minval=-limit, maxval=limit), jnp.zeros(n_out)


def initial_parameters(key, input_dim=784, hidden=256, latent_dim=2):
    sizes = {
        "encoding": (input_dim, hidden),
        "z_mean": (hidden, latent_dim),
        "z_log_var": (hidden, latent_dim),
        "decoding": (latent_dim, hidden),
        "logits": (hidden, input_dim),
    }
    keys = jax.random.split(key, len(sizes))
    return {name: dense(k, *size) for k, (name, size) in zip(keys, sizes.items(), strict=True)}


def loss(parameters, x, eps):
    def layer(name, values):
        weights, bias = parameters[name]
        return values @ weights + bias

    h = jax.nn.relu(layer("encoding", x))
    z_mean, z_log_var = layer("z_mean", h), layer("z_log_var", h)
    z = z_mean + jnp.exp(z_log_var / 2) * eps
    logits = layer("logits", jax.nn.relu(layer("decoding", z)))
    reconstruction = jnp.sum(jax.nn.softplus(logits) - x * logits, axis=-1)
    kl = jnp.sum(z_mean**2 + jnp.exp(z_log_var) - 1 - z_log_var, axis=-1) / 2
    return jnp.mean(reconstruction + kl)


def step(state, batch):
    parameters, squares = state
    x, eps = batch
    value, slopes = jax.value_and_grad(loss)(parameters, x, eps)
    squares = jax.tree.map(lambda s, g: RHO * s + (1 - RHO) * g * g, squares, slopes)
    parameters = jax.tree.map(
        lambda p, g, s: p - RATE * g / jnp.sqrt(s + EPSILON), parameters, slopes, squares
    )
    return (parameters, squares), value


def make_epoch(x, batch_size=100, latent_dim=2):
    """A compiled function (state, key) -> (state, mean loss) that runs one epoch over x."""
    n_steps = len(x) // batch_size
    x = jnp.asarray(x)

    @jax.jit
    def epoch(state, key):
        key_order, key_eps = jax.random.split(key)
        order = jax.random.permutation(key_order, len(x))[: n_steps * batch_size]
        order = order.reshape(n_steps, batch_size)
        eps = jax.random.normal(key_eps, (n_steps, batch_size, latent_dim))
        state, losses = jax.lax.scan(
            lambda state, batch: step(state, (x[batch[0]], batch[1])), state, (order, eps)
        )
        return state, losses.mean()

    return epoch


def initial_state(seed=0):
    parameters = initial_parameters(jax.random.key(seed))
    return parameters, jax.tree.map(jnp.zeros_like, parameters)
