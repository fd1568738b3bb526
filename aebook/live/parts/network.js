// Layers whose weights travel in few bits, as `packed_layer` of aebook.live.packing packs them; it
// stands between common.js and the figures that use it.

/** Rows of n whole numbers of `bits` bits each, the first bit the largest, from a stream of bytes;
 *  what is left over fills the last byte. */
function numbersOf(bytes, bits, n) {
  const out = new Float32Array(n * Math.floor(8 * bytes.length / (bits * n)));
  for (let i = 0, at = 0, held = 0, kept = 0; i < out.length; i++) {
    for (; kept < bits; kept += 8) held = (held << 8 | bytes[at++]) & 0xffff;
    kept -= bits;
    out[i] = held >> kept & (1 << bits) - 1;
  }
  return out;
}

/** Layer `name` of `unpack`'s arrays: { kernel, bias }, its kernel back from whole numbers: each
 *  column of it has a scale of its own. Made once, however often it is asked for. */
function layerOf(a, name) {
  const made = (a.layers ??= {});
  if (made[name]) return made[name];
  const packed = a[`${name}_kernel`], scale = a[`${name}_scale`], bias = a[`${name}_bias`];
  const bits = a[`${name}_bits`]?.[0] ?? 8, middle = 2 ** (bits - 1), n = scale.length;
  const kernel = bits < 8 ? numbersOf(packed, bits, n) : Float32Array.from(packed);
  for (let i = 0, j = 0; i < kernel.length; i++, j = j + 1 < n ? j + 1 : 0)
    kernel[i] = (kernel[i] - middle) * scale[j];
  return (made[name] = { kernel, bias });
}

/** x -> dense layer -> ... with a relu between them: a function of a picture or a code. */
function networkOf(a, ...names) {
  const layers = names.map((name) => layerOf(a, name));
  return (x) => layers.reduce((h, { kernel, bias }, i) => dense(i ? relu(h) : h, kernel, bias), x);
}
