// Two modes: one normal by maximum likelihood, by forward and by reverse KL, and a mixture by EM.
// The arithmetic is that of aebook.densities; a mixture is { weights, means, sds }.

const LOG_2PI = Math.log(2 * Math.PI);
const EPS = Float64Array.from({ length: 601 }, (_, i) => -9 + 0.03 * i);
const EPS_WEIGHT = EPS.map((e) => Math.exp(-e * e / 2));
const TOTAL = EPS_WEIGHT.reduce((a, b) => a + b);
EPS_WEIGHT.forEach((w, i) => { EPS_WEIGHT[i] = w / TOTAL; });

function logDensity(x, { weights, means, sds }) {
  let top = -Infinity;
  const terms = weights.map((w, k) => {
    const term = Math.log(w / sds[k]) - ((x - means[k]) / sds[k]) ** 2 / 2;
    top = Math.max(top, term);
    return term;
  });
  return top + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - top), 0)) - LOG_2PI / 2;
}

function moments({ weights, means, sds }) {
  const mean = weights.reduce((sum, w, k) => sum + w * means[k], 0);
  return [mean, weights.reduce((sum, w, k) => sum + w * (sds[k] ** 2 + (means[k] - mean) ** 2), 0)];
}

/** KL(p || q) in nats for two mixtures, on 4,001 points that hold all of p. */
function kl(p, q) {
  const low = Math.min(...p.means.map((m, k) => m - 10 * p.sds[k]));
  const step = (Math.max(...p.means.map((m, k) => m + 10 * p.sds[k])) - low) / 4000;
  let sum = 0;
  for (let i = 0; i <= 4000; i++) {
    const logP = logDensity(low + i * step, p);
    sum += Math.exp(logP) * (logP - logDensity(low + i * step, q));
  }
  return sum * step;
}

function gaussianMle(x) {
  const mean = x.reduce((a, b) => a + b) / x.length;
  return [mean, Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length)];
}

/** Uniform numbers in (0, 1) from a whole number (mulberry32), the same for the same seed. */
function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** n draws of a mixture of two: choose a mode, then throw a dart (Box and Muller's). */
function sample({ weights, means, sds }, n, seed) {
  const next = uniforms(1000003 * seed + 1);
  return Array.from({ length: n }, () => {
    const k = next() < weights[0] ? 0 : 1;
    return means[k] + sds[k] * Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  });
}

/** KL(q || p) for q = N(mean, exp(logSd)^2), with its gradient and Hessian in (mean, logSd).
 *  `stride` 4 takes every fourth point of the grid, close enough to search with. */
function reverseKl(mean, logSd, { weights, means, sds }, stride = 1) {
  const sd = Math.exp(logSd), logs = weights.map((w, k) => Math.log(w / sds[k])), n = means.length;
  let expected = 0, dMean = 0, dSd = 0, dMean2 = 0, dBoth = 0, dSd2 = 0;
  const term = new Float64Array(n);
  for (let i = 0; i < EPS.length; i += stride) {
    const eps = EPS[i], weight = stride * EPS_WEIGHT[i], x = mean + sd * eps;
    let top = -Infinity, mass = 0, first = 0, second = 0;
    for (let k = 0; k < n; k++) {
      term[k] = logs[k] - ((x - means[k]) / sds[k]) ** 2 / 2;
      top = Math.max(top, term[k]);
    }
    for (let k = 0; k < n; k++) {
      const share = Math.exp(term[k] - top), pull = (means[k] - x) / sds[k] ** 2;
      mass += share;
      first += share * pull;
      second += share * (pull ** 2 - 1 / sds[k] ** 2);
    }
    first /= mass;
    second = second / mass - first ** 2;
    expected += weight * (top + Math.log(mass) - LOG_2PI / 2);
    dMean -= weight * first;
    dSd -= weight * first * eps;
    dMean2 -= weight * second;
    dBoth -= weight * second * eps;
    dSd2 -= weight * second * eps ** 2;
  }
  const slope = sd * dSd - 1;
  return { value: -logSd - (LOG_2PI + 1) / 2 - expected, gradient: [dMean, slope],
           hessian: [dMean2, sd * dBoth, slope + 1 + sd ** 2 * dSd2] };
}

/** Newton's method towards a zero of the gradient of reverseKl, at most 0.5 a step: [mean, logSd],
 *  or null where it does not arrive. */
function newton([mean, logSd], p, stride) {
  for (let step = 0; step < 30; step++) {
    const { gradient: [g, s], hessian: [a, b, c] } = reverseKl(mean, logSd, p, stride);
    if (Math.max(Math.abs(g), Math.abs(s)) < 1e-10) return [mean, logSd];
    const det = a * c - b * b, move = [(c * g - b * s) / det, (a * s - b * g) / det];
    const shorten = Math.max(1, Math.hypot(...move) / 0.5);
    mean -= move[0] / shorten;
    logSd -= move[1] / shorten;
  }
  return null;
}

/** All points where the gradient of reverseKl vanishes, from left to right, by `newton` from a
 *  grid of starts; a finer grid if the count of valleys and passes shows that one is missing. */
function stationaryPoints(p, nMeans = 7, nSds = 4) {
  const low = Math.min(...p.means), high = Math.max(...p.means), found = [];
  const from = Math.log(Math.min(...p.sds) / 2), to = Math.log(2 * Math.max(...p.sds) + high - low);
  const known = (list, at) => list.some((q) => Math.hypot(q[0] - at[0], q[1] - at[1]) < 1e-5);
  const near = [];
  for (let i = 0; i < nMeans * nSds; i++) {
    const mean = low + (high - low) * (i % nMeans) / (nMeans - 1);
    const logSd = from + (to - from) * Math.floor(i / nMeans) / (nSds - 1);
    const at = newton([mean, logSd], p, 4);
    if (at && !known(near, at)) near.push(at);
  }
  for (const start of near) {
    const at = newton(start, p, 1);
    if (at && !known(found, at)) found.push(at);
  }
  const points = found.map(([mean, logSd]) => {
    const { value, hessian: [a, b, c] } = reverseKl(mean, logSd, p);
    return { mean, sd: Math.exp(logSd), kl: value, valley: a > 0 && a * c > b * b };
  });
  const valleys = points.filter((q) => q.valley).length;
  if (2 * valleys - points.length !== 1 && nMeans < 25)
    return stationaryPoints(p, 2 * nMeans - 1, 2 * nSds - 1);
  return points.sort((q, r) => q.mean - r.mean);
}

/** Steps of expectation-maximization for a mixture of two, until the mean log-likelihood of x
 *  gains less than `tolerance`. */
function emSteps(x, start, steps, tolerance) {
  let { weights, means, sds } = start, score = -Infinity;
  const n = x.length;
  for (let step = 0; step < steps; step++) {
    const [l0, l1] = weights.map((w, k) => Math.log(w / sds[k]));
    let total = 0, s0 = 0, f0 = 0, q0 = 0, f = 0, q = 0;
    for (let i = 0; i < n; i++) {
      const v = x[i];
      const t0 = l0 - ((v - means[0]) / sds[0]) ** 2 / 2;
      const t1 = l1 - ((v - means[1]) / sds[1]) ** 2 / 2;
      const ratio = Math.exp(-Math.abs(t0 - t1)), share = (t0 > t1 ? 1 : ratio) / (1 + ratio);
      total += Math.max(t0, t1) + Math.log1p(ratio);
      s0 += share;
      f0 += share * v;
      q0 += share * v * v;
      f += v;
      q += v * v;
    }
    const sums = [s0, n - s0], seconds = [q0, q - q0];
    weights = sums.map((s) => s / n);
    means = [f0 / sums[0], (f - f0) / sums[1]];
    // The least variance is scikit-learn's: no part may collapse onto one guest.
    sds = sums.map((s, k) => Math.sqrt(Math.max(seconds[k] / s - means[k] ** 2, 0) + 1e-6));
    const before = score;
    score = total / n - LOG_2PI / 2;
    if (score - before < tolerance) break;
  }
  return { weights, means, sds, score };
}

/** A mixture of two normals by EM: three starts, and the best of them to the end. */
function em(x) {
  const sorted = Float64Array.from(x).sort(), n = x.length;
  const tries = [0.25, 0.5, 0.75].map((share) => {
    const cut = Math.min(Math.max(Math.round(share * n), 2), n - 2);
    const parts = [sorted.subarray(0, cut), sorted.subarray(cut)].map(gaussianMle);
    const start = { weights: [cut / n, 1 - cut / n], means: parts.map((q) => q[0]),
                    sds: parts.map((q) => Math.max(q[1], 0.01)) };
    return emSteps(x, start, 30, 1e-6);
  });
  const best = emSteps(x, tries.reduce((a, b) => (b.score > a.score ? b : a)), 500, 1e-9);
  const turn = (list) => (best.means[0] <= best.means[1] ? list : [...list].reverse());
  return { weights: turn(best.weights), means: turn(best.means), sds: turn(best.sds),
           score: best.score };
}

// --- what is drawn

const CAFE = { distance: 5, weight: 0.5, sd1: 1, sd2: 1, n: 2 };
const SIZES = [10, 30, 100, 300, 1000];
const FITS = { ml: "maximum likelihood", forward: "forward KL", reverse: "reverse KL",
               mixture: "mixture" };
// Of each curve: its letter, colour, dash and width.
const LINES = {
  truth: ["p", INK, [], 3], ml: ["L", BLUE, [10, 5], 2.5], forward: ["F", "#882255", [2, 4], 2.5],
  lowest: ["R", RED, [], 2.5], local: ["r", RED, [9, 4, 2, 4], 2],
  mixture: ["M", "#00795A", [14, 4, 3, 4], 2.5],
};
const BIN = 0.5, POINTS = Array.from({ length: 401 }, (_, i) => -6 + i / 20);

/** The sample as bars: a Map from the number of a bin to its density. */
function histogram(x) {
  const bars = new Map();
  for (const v of x) {
    const k = Math.floor(v / BIN);
    bars.set(k, (bars.get(k) || 0) + 1 / (x.length * BIN));
  }
  return bars;
}

function drawBars(context, x, y, bars, bottom) {
  context.fillStyle = PALE;
  for (const [k, density] of bars)
    context.fillRect(x(k * BIN), y(density), x(BIN) - x(0) - 1, bottom - y(density));
}

function drawCurve(context, x, y, { line, density }) {
  const [, colour, dash, width] = LINES[line];
  strokes(context, () => density.forEach((d, i) => context.lineTo(x(POINTS[i]), y(d))),
          [colour, width, dash]);
}

/** Each curve's letter over its top, lower where another letter stands already. */
function drawLetters(context, x, y, curves) {
  const taken = [];
  for (const { line, density } of curves) {
    const at = density.indexOf(Math.max(...density)), [letter, colour] = LINES[line];
    let height = y(density[at]) - 10;
    const close = ([u, v]) => Math.abs(u - at) < 14 && Math.abs(v - height) < 15;
    while (taken.some(close)) height += 15;
    taken.push([at, height]);
    label(context, letter, x(POINTS[at]), height, { colour });
  }
}

/** The guests, the first 300 of them, as ticks on the axis. */
function drawGuests(context, x, guests, bottom) {
  strokes(context, () => {
    for (const v of guests.slice(0, 300)) {
      context.moveTo(x(v), bottom);
      context.lineTo(x(v), bottom - 7);
    }
  }, [INK, 1]);
}

function draw(context, width, height, curves, guests) {
  const left = 34, bottom = height - 22, x = scale(-6, 14, left, width);
  const drawn = curves.map(({ line, mixture }) =>
    ({ line, density: POINTS.map((v) => Math.exp(logDensity(v, mixture))) }));
  const highest = Math.max(0.4, ...drawn.map((c) => Math.max(...c.density)));
  const y = scale(0, 1.12 * highest, bottom, 0);
  drawBars(context, x, y, histogram(guests), bottom);
  for (const curve of drawn) drawCurve(context, x, y, curve);
  const tick = highest > 1 ? 0.5 : highest > 0.6 ? 0.2 : 0.1;
  const ticks = [1, 2, 3, 4, 5].map((k) => Math.round(10 * k * tick) / 10);
  axes(context, x, y, {
    xTicks: [-5, 0, 5, 10], xName: "x (hours after noon)",
    yTicks: ticks.filter((v) => v < 1.1 * highest), yName: "density (per hour)",
    bottom, left, width });
  drawLetters(context, x, y, drawn);
  drawGuests(context, x, guests, bottom);
}

/** A piece of a curve, for the table. */
function swatch(line) {
  const [, colour, dash, width] = LINES[line];
  const canvas = h("canvas", { width: 68, height: 24, class: "live-swatch",
                               "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  strokes(context, () => { context.moveTo(0, 6); context.lineTo(34, 6); }, [colour, width, dash]);
  return canvas;
}

// --- the fits, and what is said of them

const list = (numbers) => numbers.map((v) => write(v)).join(", ");
const some = (k, one, many) => `${k === 0 ? "no" : k} ${k === 1 ? one : many}`;

/** The valleys and passes of KL(q || truth) over all normals, and the deepest valleys. */
function landscape(truth) {
  const points = stationaryPoints(truth), valleys = points.filter((q) => q.valley);
  const depth = Math.min(...valleys.map((q) => q.kl));
  return { valleys, passes: points.length - valleys.length,
           lowest: valleys.filter((q) => q.kl < depth + 1e-9) };
}

/** The curves to draw, the truth first: [{ line, name, mixture }, ...]. */
function fits(truth, x, { valleys, lowest }, shown) {
  const normal = (mean, sd) => ({ weights: [1], means: [mean], sds: [sd] });
  const curves = [{ line: "truth", name: "truth p", mixture: truth }];
  if (shown.ml) curves.push({ line: "ml", name: FITS.ml, mixture: normal(...gaussianMle(x)) });
  if (shown.forward) {
    const [mean, variance] = moments(truth);
    const mixture = normal(mean, Math.sqrt(variance));
    curves.push({ line: "forward", name: FITS.forward, mixture });
  }
  for (const q of shown.reverse ? valleys : []) {
    const best = lowest.includes(q);
    const rank = best ? (lowest.length > 1 ? "equal best" : "global") : "local";
    curves.push({ line: best ? "lowest" : "local", name: `${FITS.reverse}, ${rank}`,
                  mixture: normal(q.mean, q.sd) });
  }
  if (shown.mixture) {
    const mixture = em(x);
    curves.push({ line: "mixture", name: `mixture, weights ${list(mixture.weights)}`, mixture });
  }
  return curves;
}

function tableRow({ line, name, mixture: q }, truth) {
  const texts = [list(q.means), list(q.sds), write(kl(truth, q), 4), write(kl(q, truth), 4)];
  return h("tr", {}, h("th", { scope: "row" }, swatch(line), `${LINES[line][0]}: ${name}`),
           ...texts.map((text) => h("td", {}, text)));
}

function inWords(guests, { valleys, passes, lowest }) {
  const missed = valleys.length - passes === 1 ? "" : " (the count says that one was missed)";
  const best = lowest.length > 1 ? "two are equally good" :
    `the best is a normal of mean ${write(lowest[0].mean)}, sd ${write(lowest[0].sd)}`;
  return `${guests.length} guests. Reverse KL has ` +
    `${some(valleys.length, "local optimum", "local optima")} and ` +
    `${some(passes, "pass", "passes")}${missed}; ${best}.`;
}

// --- the figure

class Modes {
  constructor(el) {
    this.values = { ...CAFE };
    this.shown = { ml: true, forward: false, reverse: true, mixture: false };
    this.seed = 1;
    this.asked = false;  // for the next frame
    this.drawing = surface({ role: "img" }, 0.55, (context, width, height) =>
      draw(context, width, height, this.curves, this.x), 230);
    this.body = h("tbody");
    this.note = h("p", { class: "live-note" });
    el.classList.add("live-figure");
    el.append(this.drawing.canvas, this.whatToFit(), this.note, this.table(), this.theTruth());
    this.say = announcer(el);
    this.compute();
  }

  table() {
    const head = ["fit", "mean", "sd", "KL(p‖q)", "KL(q‖p)"].map((text) =>
      h("th", { scope: "col" }, text));
    return h("table", {}, h("caption", {}, "The fits in numbers, divergences in nats"),
             h("thead", {}, h("tr", {}, ...head)), this.body);
  }

  whatToFit() {
    const boxes = Object.entries(FITS).map(([key, text]) =>
      checkbox(text, this.shown[key], (on) => { this.shown[key] = on; this.update(); }));
    return inLine(...boxes.map((b) => b.element));
  }

  theTruth() {
    const make = (key, name, bounds) => slider(name, { ...bounds, value: CAFE[key] },
      (v) => { this.values[key] = v; this.update(); });
    const width = { min: 0.6, max: 2.5, step: 0.05 };
    this.sliders = {
      distance: make("distance", "distance of the modes",
                     { min: 0, max: 8, step: 0.1, format: (v) => write(v, 1) }),
      weight: make("weight", "weight of the first", { min: 0.05, max: 0.95, step: 0.01 }),
      sd1: make("sd1", "width of the first", width),
      sd2: make("sd2", "width of the second", width),
      n: make("n", "guests in the sample",
              { min: 0, max: SIZES.length - 1, step: 1, format: (v) => String(SIZES[v]) }),
    };
    const others = button("New guests", () => { this.seed += 1; this.update(); });
    const back = button("Back to the café", () => { this.seed = 1; this.set(CAFE); });
    return group("The truth, and a sample of it",
      ...Object.values(this.sliders).map((s) => s.element), inLine(others, back));
  }

  /** Move sliders: { distance: 5, ... }. */
  set(wanted) {
    for (const [key, v] of Object.entries(wanted)) {
      this.values[key] = v;
      this.sliders[key].set(v);
    }
    this.update();
  }

  /** Compute with the next frame, once however often it was asked. */
  update() {
    if (!this.asked) requestAnimationFrame(() => { this.asked = false; this.compute(); });
    this.asked = true;
  }

  compute() {
    const { distance, weight, sd1, sd2, n } = this.values;
    this.truth = { weights: [weight, 1 - weight], means: [0, distance], sds: [sd1, sd2] };
    this.x = sample(this.truth, SIZES[n], this.seed);
    const found = landscape(this.truth);
    this.curves = fits(this.truth, this.x, found, this.shown);
    this.body.replaceChildren(...this.curves.map((curve) => tableRow(curve, this.truth)));
    this.note.textContent = inWords(this.x, found);
    const said = this.curves.map(({ name, mixture: { means, sds } }) =>
      `${name}, mean ${list(means)}, sd ${list(sds)}`).join("; ");
    this.drawing.canvas.setAttribute("aria-label",
      `Densities over the hours after noon: ${said}`);
    this.drawing.paint();
    this.say(this.note.textContent);
  }
}

export default {
  render({ el }) {
    const figure = new Modes(el);
    el.live = { sample, moments, gaussianMle, kl, em, stationaryPoints,
                reverseKl: (mean, logSd, p) => reverseKl(mean, logSd, p).value,
                set: (wanted) => figure.set(wanted),
                state() {
                  const { truth, x, curves, seed } = figure;
                  return { truth, x, curves, seed };
                } };
  },
};
