// The worker behind "Watch it learn": trains the VAE and tells the page how it stands. It goes on
// while the page looks: each report costs a credit, and the page gives it back once it is drawn. At
// full speed it does not wait for a page that draws slowly; in a tab that nobody sees nothing is
// drawn, and the training rests.

const BATCH = 100, EVERY = 10;  // EVERY: steps between losses on held-out digits
const SLICE = 14, SHARE = 4;  // between two reports: ms, and times the last report's, at least
const PATIENCE = 250;  // ms at full speed without a word from the page
const GREYS = 7;  // a pixel is 0 to 7
/** Steps a second that the eye can follow, more and more of them. */
const pace = (step) => 40 + step / 2;

/** Digits as Python deflated them: one byte a pixel. */
const inflate = async (bytes) => new Uint8Array(await new Response(
  new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());

class Learner {
  constructor(arena, pixels, nTrain) {
    const rows = (from, to) => pixels.subarray(784 * from, 784 * to), n = pixels.length / 784;
    Object.assign(this, { arena, train: rows(0, nTrain), heldOut: rows(nTrain, n), nTrain,
                          nHeldOut: n - nTrain, beta: 1, rate: 0.001, mine: null });
    const random = new Random(0);  // the held-out digits' noise is always the same
    this.fixed = Float32Array.from({ length: 2 * this.nHeldOut }, () => random.normal());
  }

  restart({ hidden, seed, optimizer }) {
    this.arena.clear();
    this.random = new Random(seed);
    this.vae = new Vae(this.arena, { hidden, batch: BATCH, optimizer, random: this.random });
    this.blank = this.arena.zeros(784 * BATCH);
    this.order = [];
    this.steps = 0;
    this.losses = [];  // since the last report: [step, reconstruction, kl], on held-out digits
    this.measured = -EVERY;
  }

  /** Picture i of `source` to row k of what the network sees. */
  show(source, i, k) {
    for (let p = 0; p < 784; p++) this.vae.x[784 * k + p] = source[784 * i + p] / GREYS;
  }

  step() {
    const { vae, random, nTrain } = this;
    if (this.order.length < BATCH) this.order = random.order(nTrain);
    for (let k = 0; k < BATCH; k++) this.show(this.train, this.order[k], k);
    this.order = this.order.subarray(BATCH);
    for (let i = 0; i < vae.noise.length; i++) vae.noise[i] = random.normal();
    vae.step(BATCH, this.beta, this.rate);
    this.steps += 1;
  }

  /** Calls each(from, n) for all held-out digits, BATCH at a time, with these in place. */
  overHeldOut(each) {
    for (let from = 0; from < this.nHeldOut; from += BATCH) {
      const n = Math.min(BATCH, this.nHeldOut - from);
      for (let k = 0; k < n; k++) this.show(this.heldOut, from + k, k);
      each(from, n);
    }
  }

  /** The loss on held-out digits: both terms, means over them. */
  measure() {
    const sum = { reconstruction: 0, kl: 0 };
    this.overHeldOut((from, n) => {
      this.vae.noise.set(this.fixed.subarray(2 * from, 2 * (from + n)));
      const terms = this.vae.terms(n);
      for (const name in sum) sum[name] += terms[name] * n / this.nHeldOut;
    });
    this.measured = this.steps;
    this.losses.push([this.steps, sum.reconstruction, sum.kl]);
    return sum;
  }

  /** Where the held-out digits lie: the means of their codes. */
  means() {
    const means = new Float32Array(2 * this.nHeldOut);
    this.overHeldOut((from, n) => {
      const codes = this.vae.encode(n);
      for (let k = 0; k < n; k++) means.set(codes.subarray(4 * k, 4 * k + 2), 2 * (from + k));
    });
    return means;
  }

  /** Of the one digit that the reader watches, if any: the picture, its code (means, then
   *  log-variances), and what the decoder makes of the means, 0 to 255. */
  answer() {
    const { vae, arena, blank, mine } = this;
    if (!mine) return null;
    vae.x.set(mine);
    const code = vae.encode(1).slice(0, 4);
    vae.z.set(code.subarray(0, 2));
    arena.kernel.cross_entropy(blank, vae.decode(1), vae.d_logits, 784, 255);
    return { picture: mine, code, copy: Uint8Array.from(vae.d_logits.subarray(0, 784)) };
  }

  /** What the decoder makes of a grid over the plane, 0 to 255, row 0 at the top. */
  mosaic({ reach, columns, rows }) {
    const { vae, arena, blank } = this, out = new Uint8Array(784 * columns * rows);
    const place = (i, n) => reach / rows * (2 * i + 1 - n), all = columns * rows;
    for (let from = 0; from < all; from += BATCH) {
      const n = Math.min(BATCH, all - from);
      for (let k = 0; k < n; k++) {
        vae.z[2 * k] = place((from + k) % columns, columns);
        vae.z[2 * k + 1] = -place(Math.floor((from + k) / columns), rows);
      }
      arena.kernel.cross_entropy(blank, vae.decode(n), vae.d_logits, 784 * n, 255);
      for (let i = 0; i < 784 * n; i++) out[784 * from + i] = vae.d_logits[i];  // sigmoid * 255
    }
    return { reach, columns, rows, pictures: out };
  }
}

// --- the conversation with the page

const talk = { credits: 2, until: 0, due: 0, last: 0, run: 0, looping: false, decoded: -Infinity,
               cost: 0, view: null, fast: false, heard: 0, told: 0, spent: 0 };
const { port1, port2 } = new MessageChannel();  // the way to go on at once, once messages are heard
let learner;

function report() {
  const { steps, losses } = learner, started = performance.now(), { view } = talk;
  if (steps - learner.measured >= EVERY || steps >= talk.until) learner.measure();
  const said = { run: talk.run, steps, losses, means: learner.means(), mine: learner.answer(),
                 done: steps >= talk.until };
  learner.losses = [];
  if (view && (said.done || started - talk.decoded > Math.max(120, 6 * talk.cost))) {
    const from = performance.now();
    said.mosaic = learner.mosaic(view);
    talk.decoded = performance.now();
    talk.cost = talk.decoded - from;
  }
  talk.credits -= 1;
  talk.told = steps;
  postMessage(said, [said.means.buffer, ...(said.mosaic ? [said.mosaic.pictures.buffer] : [])]);
}

/** Some steps, a report, and on. */
function slice() {
  talk.looping = false;
  const now = performance.now(), done = learner.steps >= talk.until;
  if (talk.credits <= 0 && (done || !talk.fast || now - talk.heard > PATIENCE)) return;
  if (done && talk.told === learner.steps) return;
  talk.due += Math.min(now - talk.last, 100) / 1000 * pace(learner.steps);
  talk.due = talk.fast ? Infinity : Math.min(talk.due, Math.max(1, pace(learner.steps) / 10));
  talk.last = now;
  const length = Math.max(SLICE, SHARE * talk.spent);
  let taken = 0;
  while (talk.due >= 1 && learner.steps < talk.until &&
         (!taken || performance.now() - now < length)) {
    learner.step();
    talk.due -= 1;
    taken += 1;
  }
  if (talk.credits > 0 && talk.told < learner.steps) {
    const from = performance.now();
    report();
    talk.spent = performance.now() - from;
  }
  goOn(talk.due >= 1);
}

function goOn(now = true) {
  if (talk.looping) return;
  talk.looping = true;
  if (now) port2.postMessage(0);
  else setTimeout(slice, 8);
}
port1.onmessage = slice;

const tasks = {
  async load({ digits, nTrain, plain }) {
    const kernel = plain ? null : Uint8Array.from(atob(KERNEL), (c) => c.charCodeAt(0));
    learner = new Learner(await makeArena(kernel), await inflate(digits), nTrain);
  },
  restart({ run, ...net }) {
    learner.restart(net);
    Object.assign(talk, { run, until: 0, decoded: -Infinity });
    report();
  },
  /** The digit to watch: a picture, a held-out digit by its number, or nothing. */
  watch({ picture = null, number }) {
    if (number !== undefined)
      picture = Float32Array.from(learner.heldOut.subarray(784 * number, 784 * (number + 1)),
                                  (v) => v / GREYS);
    learner.mine = picture;
    postMessage({ run: talk.run, mine: learner.answer() });
  },
  set({ beta, rate }) { Object.assign(learner, { beta, rate }); },
  /** Train until that step; 0 is a pause. fast: not slowed for the eye. */
  go({ until, fast = false }) {
    const resting = learner.steps >= talk.until;
    Object.assign(talk, { until, fast, due: 1, heard: performance.now() });
    if (resting) talk.last = performance.now();
    goOn();
  },
  seen({ view, reports }) {
    talk.view = view;
    talk.credits += reports;
    talk.heard = performance.now();
    goOn();
  },
};
let turn = Promise.resolve();
globalThis.onmessage = ({ data: { task, ...given } }) => {
  turn = turn.then(() => tasks[task](given)).catch((error) => setTimeout(() => { throw error; }));
};
