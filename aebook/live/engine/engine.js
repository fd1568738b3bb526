// The engine of the figures that train: dense layers, the losses and optimizers of the chapters,
// forward and backward, in float32. Its numbers are Keras's (tests/test_engine.py). It runs in a
// worker, on one of two kernels that do the same: kernel.wasm where the browser has WebAssembly
// with SIMD, plain.js elsewhere.

const ROOM = 10 << 20;  // bytes: 784-256-2 with Adam and 100 pictures; kernel.wasm has as many

/** The arrays of one network, in a memory that the kernel works on. */
class Arena {
  constructor(kernel, buffer = new ArrayBuffer(ROOM), start = 0) {
    Object.assign(this, { kernel, buffer, start, next: start });
  }

  /** n zeros, at a place that fits vectors of four; behind them room up to a multiple of four. */
  zeros(n) {
    const at = this.next, bytes = 16 * Math.ceil(n / 4);
    new Uint8Array(this.buffer, at, bytes).fill(0);  // throws where no room is left
    this.next = at + bytes;
    return new Float32Array(this.buffer, at, n);
  }

  /** Forget all arrays: the next network lies where the last one lay. */
  clear() { this.next = this.start; }
}

/** An arena with the kernel in `wasm`, its bytes, or with the plain one where that cannot run. */
async function makeArena(wasm) {
  if (!wasm || !globalThis.WebAssembly?.validate(wasm)) return new Arena(plainKernel);
  const { instance } = await WebAssembly.instantiate(wasm);
  const { memory, __heap_base: heap, ...functions } = instance.exports;
  const plain = (given) => given.byteOffset ?? given;  // of an array its address
  const kernel = Object.fromEntries(Object.entries(functions)
    .map(([name, f]) => [name, (...given) => f(...given.map(plain))]));
  return new Arena(kernel, memory.buffer, 16 * Math.ceil(heap.value / 16));
}

// --- chance

/** Random numbers from a seed: uniform() in [0, 1), normal() from N(0, 1). */
class Random {
  constructor(seed) { this.state = seed; }

  uniform() {  // mulberry32
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ this.state >>> 15, 1 | this.state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  }

  normal() {
    const r = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return r * Math.cos(2 * Math.PI * this.uniform());
  }

  /** 0 to n - 1 in random order. */
  order(n) {
    const list = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }
}

// --- layers

/** x kernel + bias, then a relu if asked: from -> to numbers. */
class Dense {
  constructor(from, to, relu = false) { Object.assign(this, { from, to, relu }); }

  /** x: (n, from). Returns y: (n, to). */
  forward(x, n) {
    const { from, to } = this;
    this.ops.forward(x, this.kernel, this.bias, this.y, n, from, to, this.relu ? 1 : 0);
    return this.y;
  }

  /** The gradients, from x and dy; and into dx that of x, where asked for. relu: whether x came out
   *  of one: then dx is the gradient before it. */
  backward(x, dy, n, dx = null, relu = false) {
    const { from, to } = this;
    this.ops.weights(x, dy, this.d_kernel, this.d_bias, n, from, to);
    if (dx) this.ops.inputs(dy, this.kernel, x, dx, n, from, to, relu ? 1 : 0);
  }
}

/** Give the layers their places. Returns all weights as one array, and all gradients, so that an
 *  optimizer is one loop. batch: the most rows that are ever asked for. */
function place(arena, layers, batch) {
  const size = layers.reduce((sum, { from, to }) => sum + (from + 1) * to, 0);
  const w = arena.zeros(size), g = arena.zeros(size);
  let at = 0;
  const cut = (n) => {
    at += n;
    return [w, g].map((array) => array.subarray(at - n, at));
  };
  for (const layer of layers) {
    layer.ops = arena.kernel;
    [layer.kernel, layer.d_kernel] = cut(layer.from * layer.to);
    [layer.bias, layer.d_bias] = cut(layer.to);
    layer.y = arena.zeros(batch * layer.to);
  }
  return { w, g };
}

/** Keras's way to begin, Glorot and Bengio (2010). to: where a layer stands for several, of one. */
function glorot({ kernel, from, to: all }, random, to = all) {
  const limit = Math.sqrt(6 / (from + to));
  for (let i = 0; i < kernel.length; i++) kernel[i] = limit * (2 * random.uniform() - 1);
}

// --- optimizers: of all weights w with gradients g a function that takes a step of a given rate

const OPTIMIZERS = {
  rmsprop(arena, { w, g }) {
    const v = arena.zeros(w.length), rho = 0.9;
    return (rate) => arena.kernel.rmsprop(w, g, v, w.length, rate, rho, 1 - rho, 1e-7);
  },

  adam(arena, { w, g }) {
    const m = arena.zeros(w.length), v = arena.zeros(w.length), beta1 = 0.9, beta2 = 0.999;
    let steps = 0;
    return (rate) => {
      steps += 1;
      const alpha = rate * Math.sqrt(1 - beta2 ** steps) / (1 - beta1 ** steps);
      arena.kernel.adam(w, g, m, v, w.length, alpha, 1 - beta1, 1 - beta2, 1e-7);
    };
  },
};

// --- the VAE of chapter 3

/** x -> (z_mean, z_log_var) -> z -> logits. The two heads of the encoder are one layer: a code is
 *  the latents' means, then their log-variances. random: for the weights to begin with. */
class Vae {
  constructor(arena, { pixels = 784, hidden, latents = 2, batch, optimizer, random }) {
    const { kernel: ops } = arena, rows = (n) => arena.zeros(batch * n);
    this.encoding = new Dense(pixels, hidden, true);
    this.heads = new Dense(hidden, 2 * latents);
    this.decoding = new Dense(latents, hidden, true);
    this.logits = new Dense(hidden, pixels);
    this.layers = [this.encoding, this.heads, this.decoding, this.logits];
    const all = place(arena, this.layers, batch);
    for (const layer of this.layers)
      glorot(layer, random, layer === this.heads ? latents : layer.to);
    Object.assign(this, { ops, pixels, latents, ...all, optimize: OPTIMIZERS[optimizer](arena, all),
                          x: rows(pixels), noise: rows(latents), z: rows(latents),
                          d_logits: rows(pixels), d_hidden: rows(hidden), d_z: rows(latents),
                          d_codes: rows(2 * latents) });
  }

  /** Of the first n pictures in this.x the codes: (n, 2 * latents). */
  encode(n) { return this.heads.forward(this.encoding.forward(this.x, n), n); }

  /** Of the first n z in this.z the logits: (n, pixels). */
  decode(n) { return this.logits.forward(this.decoding.forward(this.z, n), n); }

  /** z = mean + exp(log_var / 2) * noise. */
  sample(codes, n) {
    const { latents, noise, z } = this;
    for (let i = 0; i < n * latents; i++) {
      const at = i + Math.floor(i / latents) * latents;  // of its mean
      z[i] = codes[at] + Math.exp(codes[at + latents] / 2) * noise[i];
    }
  }

  /** KL(q(z|x) || N(0, I)) in closed form, summed over n codes. */
  kl(codes, n) {
    let sum = 0;
    for (let i = 0; i < n * this.latents; i++) {
      const at = i + Math.floor(i / this.latents) * this.latents;
      const mean = codes[at], log_var = codes[at + this.latents];
      sum += (mean * mean + Math.exp(log_var) - 1 - log_var) / 2;
    }
    return sum;
  }

  /** Forward with the first n of x and noise. Both terms of the loss, means over the pictures. */
  terms(n) {
    const codes = this.encode(n);
    this.sample(codes, n);
    const l = this.decode(n), { ops, x, d_logits, pixels } = this;
    return { reconstruction: ops.cross_entropy(x, l, d_logits, n * pixels, 1 / n) / n,
             kl: this.kl(codes, n) / n };
  }

  /** After `terms`: all gradients of reconstruction + beta * kl. */
  backward(n, beta) {
    const { encoding, heads, decoding, logits, x, z, noise, latents } = this;
    const { d_logits, d_hidden, d_z, d_codes } = this, codes = heads.y;
    logits.backward(decoding.y, d_logits, n, d_hidden, true);
    decoding.backward(z, d_hidden, n, d_z);
    for (let i = 0; i < n * latents; i++) {
      const at = i + Math.floor(i / latents) * latents, log_var = codes[at + latents];
      d_codes[at] = d_z[i] + beta * codes[at] / n;
      d_codes[at + latents] = (d_z[i] * Math.exp(log_var / 2) * noise[i] +
        beta * (Math.exp(log_var) - 1) / n) / 2;
    }
    heads.backward(encoding.y, d_codes, n, d_hidden, true);
    encoding.backward(x, d_hidden, n);
  }

  /** One step of training on n pictures. Returns both terms before it. */
  step(n, beta, rate) {
    const terms = this.terms(n);
    this.backward(n, beta);
    this.optimize(rate);
    return terms;
  }
}
