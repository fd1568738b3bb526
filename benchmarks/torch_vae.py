"""The VAE of chapter 3 trained by a loop written by hand in PyTorch, eagerly, as one does.

Same sizes, same loss, same optimizer (RMSprop, Keras's defaults), same batch size as jax_vae.py,
whose parameters this takes.
"""

import numpy as np
import torch
from torch.nn import functional


def loss(parameters, x, eps):
    def layer(name, values):
        weights, bias = parameters[name]
        return torch.addmm(bias, values, weights)

    h = functional.relu(layer("encoding", x))
    z_mean, z_log_var = layer("z_mean", h), layer("z_log_var", h)
    z = z_mean + torch.exp(z_log_var / 2) * eps
    logits = layer("logits", functional.relu(layer("decoding", z)))
    reconstruction = torch.sum(functional.softplus(logits) - x * logits, dim=-1)
    kl = torch.sum(z_mean**2 + torch.exp(z_log_var) - 1 - z_log_var, dim=-1) / 2
    return torch.mean(reconstruction + kl)


def make_epoch(parameters, x, batch_size=100, seed=1):
    """A function () -> mean loss that runs one epoch over x."""
    torch.set_flush_denormal(True)  # as aebook.setup() does, for the same reason
    torch.manual_seed(seed)
    x = torch.from_numpy(x)
    parameters = {
        name: [torch.tensor(np.asarray(a), requires_grad=True) for a in layer]
        for name, layer in parameters.items()
    }
    everything = [a for layer in parameters.values() for a in layer]
    optimizer = torch.optim.RMSprop(everything, lr=1e-3, alpha=0.9, eps=1e-7)
    latent_dim = len(parameters["z_mean"][1])

    def epoch():
        total, n_steps = 0.0, len(x) // batch_size
        for rows in torch.randperm(len(x))[: n_steps * batch_size].split(batch_size):
            optimizer.zero_grad()
            value = loss(parameters, x[rows], torch.randn(batch_size, latent_dim))
            value.backward()
            optimizer.step()
            total += value.detach()
        return float(total) / n_steps

    return epoch
