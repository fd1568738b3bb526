"""Two networks against each other, in one `fit`: GAN and BEGAN on points, in `keras.ops` only.

Nets come in crowds: `members` networks of one shape side by side, each with weights of its own,
as axis 1 of every array. Nothing is shared and the losses are summed, so that one `fit` is as many
independent runs, one for each start. The functions and classes below stand on the page in
chapter 10; a test holds that the page and this file are the same code.
"""

import keras
import numpy as np
from keras import layers, ops

from aebook.decorators import restorable, takes
from aebook.densities import kl


def transport(a, b):
    """How far apart two samples are: the mean distance each point of a must travel to become b.

    The Wasserstein-1 distance of two samples of the same size n on a line, where the best plan
    is to keep the order. a, b: (n, ...). Returns (...), in units of x.
    """
    return np.mean(np.abs(np.sort(a, axis=0) - np.sort(b, axis=0)), axis=0)


def jensen_shannon(log_p, log_q, step):
    """JS(p, q) in nats, 0 to log 2, from two log-densities on one grid of equal steps.

    log_p, log_q: (n,). The mean of the two KL divergences to the halfway density (p + q) / 2.
    """
    log_middle = np.logaddexp(log_p, log_q) - np.log(2)
    return (kl(log_p, log_middle, step) + kl(log_q, log_middle, step)) / 2


def crowd_dense(members, inputs, units, activation=None):
    """A Dense layer for each member: (n, members, inputs) to (n, members, units), nothing shared.

    Kernels start with variance 1 / inputs. Hidden units start with biases spread over [-1, 1], so
    that they bend in different places.
    """
    return layers.EinsumDense(
        "nmi,miu->nmu",
        output_shape=(members, units),
        bias_axes="mu",
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=inputs**-0.5),
        bias_initializer=keras.initializers.RandomUniform(-1, 1) if activation else "zeros",
    )


def build_generator(members, noise_dim=2, hidden=16, centre=2.5):
    """z -> x: noise (n, members, noise_dim) to points (n, members, 1), at first around centre."""
    z = keras.Input((members, noise_dim), name="z")
    h = crowd_dense(members, noise_dim, hidden, "tanh")(z)
    h = crowd_dense(members, hidden, hidden, "tanh")(h)
    x = layers.Rescaling(centre, offset=centre)(crowd_dense(members, hidden, 1)(h))
    return keras.Model(z, x, name="generator")


def build_discriminator(members, hidden=16, centre=2.5):
    """x -> logit: points (n, members, 1) to log D / (1 - D), the same shape; D(x) = sigmoid."""
    x = keras.Input((members, 1), name="x")
    h = layers.Rescaling(1 / centre, offset=-1.0)(x)
    h = crowd_dense(members, 1, hidden, "tanh")(h)
    h = crowd_dense(members, hidden, hidden, "tanh")(h)
    return keras.Model(x, crowd_dense(members, hidden, 1)(h), name="discriminator")


class Game(keras.Model):
    """A generator and its opponent. `fit(x)` takes points (n, members, 1); `call` makes fakes."""

    def __init__(self, generator, opponent):
        super().__init__()
        self.generator, self.opponent = generator, opponent
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, x):
        shape = (ops.shape(x)[0], *self.generator.input_shape[1:])
        return self.generator(keras.random.normal(shape, seed=self.seed_generator))


def forger_loss(logits, saturating):
    """What a generator descends on, from a discriminator's logits for its points: logits.shape.

    log(1 - D) where saturating (bool, broadcast against logits), else -log D.
    """
    log_d, log_not_d = -ops.softplus(-logits), -ops.softplus(logits)
    return ops.where(saturating, log_not_d, -log_d)


def squared_weights(net):
    """The sum of all squared weights of a net of crowd layers, for each member: (members,)."""
    weights = [ops.reshape(w, (w.shape[0], -1)) for w in net.trainable_variables]
    return sum(ops.sum(ops.square(ops.cast(w, "float32")), axis=1) for w in weights)


@restorable
@takes()
class GAN(Game):
    """The game of Goodfellow et al. (2014); the opponent is a discriminator that gives logits.

    Each setting has one value for each member, or one for all. strength: how large the
    generator's steps are, as a multiple of the discriminator's. decay: weight decay of the
    discriminator, as decay / 2 times the sum of its squared weights in the loss. saturating: see
    `forger_loss`.
    """

    def __init__(self, generator, discriminator, strength=1.0, decay=0.0, saturating=False):
        super().__init__(generator, discriminator)
        self.strength = ops.convert_to_tensor(strength, dtype="float32")
        self.decay = ops.convert_to_tensor(decay, dtype="float32")
        self.saturating = np.reshape(saturating, (-1, 1))

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        points = x, y_pred, ops.stop_gradient(y_pred)
        real, fake, still = (ops.cast(self.opponent(a), "float32") for a in points)
        d_loss = ops.mean(ops.softplus(-real) + ops.softplus(still), axis=(0, 2))
        g_loss = forger_loss(fake, self.saturating) - forger_loss(still, self.saturating)
        g_loss = self.strength * ops.mean(g_loss, axis=(0, 2))
        return ops.sum(d_loss + g_loss + self.decay / 2 * squared_weights(self.opponent))


def next_k(k, real, fake, gamma, rate):
    """BEGAN's balance: k rises while the fakes' error is below gamma times that of real points.

    All arguments may be arrays, one value for each member. Returns k in [0, 1].
    """
    return ops.clip(k + rate * (gamma * real - fake), 0.0, 1.0)


@restorable
@takes()
class BEGAN(Game):
    """The game of Berthelot, Schumm and Metz (2017); the opponent is an autoencoder.

    gamma: the wanted ratio of the fakes' reconstruction error to that of real points, one for
    each member. rate: how fast k follows.
    """

    def __init__(self, generator, autoencoder, gamma, rate=0.01):
        super().__init__(generator, autoencoder)
        self.gamma, self.rate = ops.convert_to_tensor(gamma, dtype="float32"), rate
        self.k = self.add_weight(self.gamma.shape, "zeros", "float32", trainable=False)

    def errors(self, x):
        x, x_hat = ops.cast(x, "float32"), ops.cast(self.opponent(x), "float32")
        return ops.mean(ops.abs(x - x_hat), axis=(0, 2))

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        k = 1.0 * self.k
        real, fake = self.errors(x), self.errors(y_pred)
        still = self.errors(ops.stop_gradient(y_pred))
        self.k.assign(next_k(k, real, still, self.gamma, self.rate))
        return ops.sum(real - k * still + fake - still)


def build_judge(members, hidden=16, centre=2.5):
    """x -> x_hat: an autoencoder of points (n, members, 1) with a code of one number."""
    x = keras.Input((members, 1), name="x")
    h = layers.Rescaling(1 / centre, offset=-1.0)(x)
    h = crowd_dense(members, 1, hidden, "tanh")(h)
    z = crowd_dense(members, hidden, 1, "tanh")(h)
    h = crowd_dense(members, 1, hidden, "tanh")(z)
    x_hat = layers.Rescaling(centre, offset=centre)(crowd_dense(members, hidden, 1)(h))
    return keras.Model(x, x_hat, name="autoencoder")
