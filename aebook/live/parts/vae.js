// A VAE in the page, with weights from aebook.live.figures; it stands behind parts/network.js.

/** The VAE whose layers' names begin with `prefix`: encode, decode and the two terms of the loss.
 *  a: the arrays of `unpack`, without an encoder where the figure asks for none. */
function vaeOf(a, prefix = "") {
  const part = (...names) => networkOf(a, ...names.map((name) => prefix + name));
  const logits = part("decoding", "logits");
  return {
    logits,
    decode: (z) => logits(z).map(sigmoid),
    encode(x) {
      const hidden = relu(part("encoding")(x));
      return { mean: part("z_mean")(hidden), logVar: part("z_log_var")(hidden) };
    },
    reconstruction: (x, l) => l.reduce((sum, li, i) => sum + softplus(li) - x[i] * li, 0),
    kl: (mean, logVar) =>
      mean.reduce((sum, m, i) => sum + (m * m + Math.exp(logVar[i]) - 1 - logVar[i]) / 2, 0),
  };
}
