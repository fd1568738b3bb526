// The worker behind "Generator and discriminator": chapter 10's GAN in one dimension, one game or
// many. It plays as many rounds as the page asks for, and answers how the games stand.

const BATCH = 100, WIDTH = 16, RATE = 0.1;  // of a round, of a layer, of SGD
const DRAWN = 2000, FEW = 4;  // to judge by; of many games a quarter
const GUEST = 2.5;  // hours: the nets see (x - 2.5) / 2.5
const BINS = { from: -6, wide: 0.25, n: 68 };  // of what is shown
const N_ARROWS = 24, N_D = 120;  // samples with their gradients; points of D's curve

/** A dense layer with a tanh behind it, where asked for; its backward pass goes through that. */
class Tanh extends Dense {
  constructor(from, to, tanh) {
    super(from, to);
    this.tanh = tanh;
  }

  forward(x, n) {
    const y = super.forward(x, n);
    if (this.tanh) for (let i = 0; i < n * this.to; i++) y[i] = 1 - 2 / (Math.exp(2 * y[i]) + 1);
    return y;
  }
}

/** A net of two hidden layers: `from` numbers in, one out. */
class Net {
  constructor(arena, from, random, batch) {
    this.layers = [new Tanh(from, WIDTH, true), new Tanh(WIDTH, WIDTH, true),
                   new Tanh(WIDTH, 1, false)];
    Object.assign(this, place(arena, this.layers, batch), { ops: arena.kernel, from });
    this.slopes = [from, WIDTH, WIDTH].map((width) => arena.zeros(batch * width));
    for (const { from: inputs, kernel, bias, tanh } of this.layers) {
      for (let i = 0; i < kernel.length; i++) kernel[i] = lecun(random, inputs);
      if (tanh) for (let i = 0; i < bias.length; i++) bias[i] = 2 * random.uniform() - 1;
    }
  }

  forward(x, n) {
    this.x = x;
    return this.layers.reduce((y, layer) => layer.forward(y, n), x);
  }

  /** From the slope in what came out, the slope in what went in; and, if asked, all gradients. */
  backward(dy, n, gradients) {
    for (let k = 2; k >= 0; k--) {
      const layer = this.layers[k], below = k ? this.layers[k - 1].y : this.x, dx = this.slopes[k];
      if (gradients) layer.backward(below, dy, n);
      this.ops.inputs(dy, layer.kernel, below, dx, n, layer.from, layer.to, 0);
      if (k) for (let i = 0; i < n * layer.from; i++) dx[i] *= 1 - below[i] * below[i];
      dy = dx;
    }
    return dy;
  }

  /** A step of gradient descent; before it the weights forget a little, as Keras has it. */
  descend(decay = 0) {
    const { w, g } = this, keep = 1 - decay * RATE;
    for (let i = 0; i < w.length; i++) w[i] = w[i] * keep - RATE * g[i];
  }
}

/** Keras's lecun_normal: a normal cut off at two standard deviations, with variance 1 / inputs. */
function lecun(random, inputs) {
  let v = random.normal();
  while (Math.abs(v) > 2) v = random.normal();
  return v / (0.87962566103423978 * Math.sqrt(inputs));
}

/** A draw from a mixture { weights, means, sds } of two. */
function draw({ weights, means, sds }, random) {
  const k = random.uniform() < weights[0] ? 0 : 1;
  return means[k] + sds[k] * random.normal();
}

/** One game: a generator and a discriminator, and the rounds that they have played. */
class Gan {
  constructor(arena, seed, truth) {
    const random = new Random(seed);
    Object.assign(this, { arena, random, truth, rounds: 0, value: NaN });
    this.generator = new Net(arena, 2, random, 2 * BATCH);
    this.discriminator = new Net(arena, 1, random, 2 * BATCH);
    const zeros = (n) => arena.zeros(n);
    Object.assign(this, { z: zeros(4 * BATCH), x: zeros(2 * BATCH), is_real: zeros(2 * BATCH),
                          ones: zeros(2 * BATCH), d_logits: zeros(2 * BATCH) });
    this.is_real.fill(1, 0, BATCH);
    this.ones.fill(1);
  }

  /** Of the first n z the samples, as the nets see them, into this.x from a place on. */
  generate(n, at = 0) {
    const y = this.generator.forward(this.z, n);
    for (let i = 0; i < n; i++) this.x[at + i] = y[i];
  }

  /** A step of the discriminator on n guests (hours) and n samples from z; its loss before. */
  learn(guests, z, n, { discriminator: pace, decay }) {
    const { discriminator, arena: { kernel }, x, d_logits } = this;
    this.z.set(z);
    this.generate(n, n);
    for (let i = 0; i < n; i++) x[i] = guests[i] / GUEST - 1;
    const logits = discriminator.forward(x, 2 * n);
    const loss = kernel.cross_entropy(this.is_real, logits, d_logits, 2 * n, pace / n) * pace / n;
    discriminator.backward(d_logits, 2 * n, true);
    discriminator.descend(decay);
    return loss;
  }

  /** A step of the generator through the discriminator, on n samples from z; its loss before. */
  fool(z, n, { generator: pace }) {
    const { discriminator, generator, arena: { kernel }, x, d_logits } = this;
    this.z.set(z);
    this.generate(n);
    const logits = discriminator.forward(x, n);
    const loss = kernel.cross_entropy(this.ones, logits, d_logits, n, pace / n) * pace / n;
    generator.backward(discriminator.backward(d_logits, n, false), n, true);
    generator.descend();
    return loss;
  }

  /** One round with new guests and new noise. */
  play(how) {
    const { random, truth } = this;
    this.z2 ??= [new Float32Array(2 * BATCH), new Float32Array(2 * BATCH)];
    this.guests ??= new Float32Array(BATCH);
    for (const z of this.z2) for (let i = 0; i < z.length; i++) z[i] = random.normal();
    for (let i = 0; i < BATCH; i++) this.guests[i] = draw(truth, random);
    this.learn(this.guests, this.z2[0], BATCH, how);
    this.fool(this.z2[1], BATCH, how);
    this.rounds += 1;
  }

  /** Samples in hours from noise z, two numbers a sample. */
  samples(z) {
    const n = z.length / 2, out = new Float32Array(n), step = 2 * BATCH;
    for (let from = 0; from < n; from += step) {
      const m = Math.min(step, n - from);
      this.z.set(z.subarray(2 * from, 2 * (from + m)));
      this.generate(m);
      for (let i = 0; i < m; i++) out[from + i] = GUEST * (this.x[i] + 1);
    }
    return out;
  }

  /** What D says of hours x, at most 200 of them, and where each sample there is pulled: the slope
   *  of log D in hours. */
  verdicts(x) {
    const n = x.length;
    for (let i = 0; i < n; i++) this.x[i] = x[i] / GUEST - 1;
    const logits = this.discriminator.forward(this.x, n);
    const says = Array.from(logits.subarray(0, n), (l) => 1 / (1 + Math.exp(-l)));
    for (let i = 0; i < n; i++) this.d_logits[i] = 1 - says[i];
    const slopes = this.discriminator.backward(this.d_logits, n, false);
    return { says, pulls: Array.from(slopes.subarray(0, n), (s) => s / GUEST) };
  }
}

/** Chapter 10's judgement of samples: their shares near each mode and in the valley, how far from
 *  as many sorted draws of the truth, and a name for it. limit: of the share in the valley. */
function judge(x, sorted, { means }, limit) {
  const n = x.length, share = (inside) => x.reduce((sum, v) => sum + (inside(v) ? 1 : 0), 0) / n;
  const near = means.map((m) => share((v) => Math.abs(v - m) < 2));
  const [low, high] = near[0] < near[1] ? near : [near[1], near[0]];
  const middle = (means[0] + means[1]) / 2, valley = share((v) => Math.abs(v - middle) < 0.5);
  const moved = Float32Array.from(x).sort().reduce((sum, v, i) => sum + Math.abs(v - sorted[i]), 0);
  const one = high > 0.5 && low < 0.05, both = low > 0.25 && valley < limit;
  return { near, valley, off: moved / n, verdict: both ? "both" : one ? "one" : "none" };
}

function histogram(x) {
  const counts = new Uint16Array(BINS.n);
  for (const v of x) {
    const k = Math.floor((v - BINS.from) / BINS.wide);
    if (k >= 0 && k < BINS.n) counts[k] += 1;
  }
  return counts;
}

// --- the conversation with the page

const table = { games: [], how: { discriminator: 1, generator: 1, decay: 0 }, noise: null };
let arena;

/** What the games are judged by: always the same noise, and the same draws of the truth. */
function yardstick(truth) {
  const random = new Random(0);
  table.noise = Float32Array.from({ length: 2 * DRAWN }, () => random.normal());
  table.sorted = Float32Array.from({ length: DRAWN }, () => draw(truth, random)).sort();
  table.few = table.sorted.filter((_, i) => i % FEW === 1);
}

function stands(game, all) {
  const x = game.samples(all ? table.noise : table.noise.subarray(0, 2 * DRAWN / FEW));
  const { rounds } = game, said = { rounds, counts: histogram(x), n: x.length };
  Object.assign(said, judge(x, all ? table.sorted : table.few, game.truth, table.valley));
  if (!all) return said;
  const hours = Float32Array.from({ length: N_D }, (_, i) => -5 + 15 * i / (N_D - 1));
  const { says } = game.verdicts(hours), shown = x.slice(0, N_ARROWS);
  const among = says.filter((_, i) => hours[i] >= -3 && hours[i] <= 8);  // where guests come
  const alive = Math.max(...among) - Math.min(...among);
  return { ...said, says, alive, shown, pulls: game.verdicts(shown).pulls };
}

const tasks = {
  async load({ truth, valley, plain }) {
    const kernel = plain ? null : Uint8Array.from(atob(KERNEL), (c) => c.charCodeAt(0));
    arena = await makeArena(kernel);
    Object.assign(table, { truth, valley });
    yardstick(truth);
  },
  start({ seeds }) {
    arena.clear();
    table.games = seeds.map((seed) => new Gan(arena, seed, table.truth));
  },
  /** So many rounds of every game. */
  play({ run, rounds, how }) {
    for (const game of table.games) for (let i = 0; i < rounds; i++) game.play(how);
    const all = table.games.length === 1;
    postMessage({ run, games: table.games.map((game) => stands(game, all)) });
  },
};
let turn = Promise.resolve();
globalThis.onmessage = ({ data: { task, ...given } }) => {
  turn = turn.then(() => tasks[task](given)).catch((error) => setTimeout(() => { throw error; }));
};
