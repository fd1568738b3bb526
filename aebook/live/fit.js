// Be the fit yourself: one Gaussian q against a density p with two modes, by hand, and down the
// slope of forward or of reverse KL. The arithmetic is that of aebook.densities; a mixture is
// { weights, means, sds }, and q is a pair [mean, logSd].

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

const logNormal = (x, [mean, logSd]) =>
  -(((x - mean) / Math.exp(logSd)) ** 2 + LOG_2PI) / 2 - logSd;

function moments({ weights, means, sds }) {
  const mean = weights.reduce((sum, w, k) => sum + w * means[k], 0);
  return [mean, weights.reduce((sum, w, k) => sum + w * (sds[k] ** 2 + (means[k] - mean) ** 2), 0)];
}

/** The entropy of p in nats, on 4,001 points that hold all of it. */
function entropy(p) {
  const low = Math.min(...p.means.map((m, k) => m - 10 * p.sds[k]));
  const step = (Math.max(...p.means.map((m, k) => m + 10 * p.sds[k])) - low) / 4000;
  let sum = 0;
  for (let i = 0; i <= 4000; i++) {
    const logP = logDensity(low + i * step, p);
    sum -= Math.exp(logP) * logP;
  }
  return sum * step;
}

/** KL(p || q) for a Gaussian q, with its gradient in (mean, logSd): of p it takes the entropy, the
 *  mean and the variance, and nothing else. */
function forwardKl(mean, logSd, p) {
  const [centre, variance] = moments(p), precision = Math.exp(-2 * logSd);
  const spread = (variance + (centre - mean) ** 2) * precision;
  return { value: logSd + (spread + LOG_2PI) / 2 - (p.entropy ?? entropy(p)),
           gradient: [(mean - centre) * precision, 1 - spread] };
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

// --- rolling down

const RATE = 0.2, LONGEST = 0.05, AT_REST = 1e-5;  // LONGEST, AT_REST: a step in (mean, logSd)
const SLOPES = { forward: forwardKl, reverse: reverseKl };

/** One step of gradient descent from q, at most LONGEST: the next q, or null at rest. */
function rolled([mean, logSd], which, p) {
  const move = SLOPES[which](mean, logSd, p).gradient.map((g) => -RATE * g);
  const shorten = Math.max(1, Math.hypot(...move) / LONGEST);
  if (Math.hypot(...move) < AT_REST) return null;
  return [mean + move[0] / shorten, logSd + move[1] / shorten];
}

/** The whole way from q down to where it comes to rest: a list of q. */
function wayDown(q, which, p) {
  const way = [];
  for (let at = q; at && way.length < 5000; at = rolled(at, which, p)) way.push(at);
  return way;
}

// --- what is drawn

const AT_FIRST = { mean: 1, sd: 2 };
const BOUNDS = { mean: [-4, 12], sd: [0.7, 4], distance: [2, 8], weight: [0.1, 0.9] };
const PLACES = { "on a mode": { mean: 0, sd: 1 }, "in the valley": { mean: 2.5, sd: 0.8 },
                 "over both": { mean: 2.5, sd: 3 } };
const Q_COLOUR = GREEN, HIGHEST = 0.6, WIDEST = 2;  // of the densities, per hour; nats of a bar
const DARKEST = 3, POINTS = 320;  // nats of log p/q where ink is darkest; of a curve
// Of each divergence: its letter, colour, name, and where it pays.
const BARS = { forward: ["F", BLUE, "forward KL(p‖q)"], reverse: ["R", RED, "reverse KL(q‖p)"] };
const ARROWS = { ArrowLeft: ["mean", -0.1], ArrowRight: ["mean", 0.1], ArrowUp: ["sd", -0.05],
                 ArrowDown: ["sd", 0.05] };

const clamp = (key, v) => Math.min(Math.max(v, BOUNDS[key][0]), BOUNDS[key][1]);
const peakOf = (sd) => Math.exp(-LOG_2PI / 2) / sd;

/** What an address says of this figure, as #fit?mean=0&sd=1&roll=reverse: what it may be. */
function stateOf(said) {
  const state = {};
  for (const [key, text] of said) {
    if (key in BOUNDS && Number.isFinite(Number(text))) state[key] = clamp(key, Number(text));
    if (key === "roll" && text in BARS) state.roll = text;
  }
  return state;
}

/** p and q from the left to the right, with their logarithms: [{ x, p, q, logP, logQ }, ...]. */
const curvesOf = (p, q) => Array.from({ length: POINTS + 1 }, (_, i) => {
  const at = BOUNDS.mean[0] + i * (BOUNDS.mean[1] - BOUNDS.mean[0]) / POINTS;
  const logP = logDensity(at, p), logQ = logNormal(at, q);
  return { x: at, p: Math.exp(logP), q: Math.exp(logQ), logP, logQ };
});

/** Where it costs: below p where q promises too little (forward), below q where p has too little
 *  (reverse); height times darkness is what the place adds to the divergence. */
function drawInk(context, x, y, truth, q, right) {
  for (let px = Math.ceil(x(BOUNDS.mean[0])); px < right; px++) {
    const at = x.back(px + 0.5), logP = logDensity(at, truth), logQ = logNormal(at, q);
    context.globalAlpha = 0.85 * Math.min(Math.abs(logP - logQ) / DARKEST, 1);
    context.fillStyle = logP > logQ ? BLUE : RED;
    const top = y(Math.exp(Math.max(logP, logQ)));
    context.fillRect(px, top, 1, y(0) - top);
  }
  context.globalAlpha = 1;
}

/** F and R where the divergence has the most of its ink. */
function drawLetters(context, x, y, points) {
  const parts = { forward: ({ p, logP, logQ }) => p * (logP - logQ),
                  reverse: ({ q, logP, logQ }) => q * (logQ - logP) };
  for (const [which, part] of Object.entries(parts)) {
    const worst = points.reduce((a, b) => (part(b) > part(a) ? b : a));
    if (part(worst) < 0.005) continue;
    const [letter, colour] = BARS[which], density = Math.exp(Math.max(worst.logP, worst.logQ));
    label(context, letter, x(worst.x), Math.min(y(0.6 * density), y(0) - 9), { colour });
  }
}

/** What q is held by: its peak, and its shoulders one standard deviation to either side. */
function drawHandles(context, x, y, mean, sd) {
  const peak = peakOf(sd), shoulder = peak * Math.exp(-0.5);
  const ring = () => context.arc(x(mean), y(peak), 8, 0, 2 * Math.PI);
  context.fillStyle = Q_COLOUR;
  for (const at of [mean - sd, mean + sd]) {
    const square = () => context.rect(x(at) - 5, y(shoulder) - 5, 10, 10);
    strokes(context, square, ["white", 4]);
    context.fill();
  }
  strokes(context, ring, ["white", 5]);
  context.fill();
}

function draw(context, width, height, { truth, q, mean, sd, way }) {
  const left = 30, bottom = height - 22;
  const x = scale(...BOUNDS.mean, left, width), y = scale(0, HIGHEST, bottom, 0);
  const points = curvesOf(truth, q);
  drawInk(context, x, y, truth, q, width);
  const line = (key) => () => points.forEach((point) => context.lineTo(x(point.x), y(point[key])));
  strokes(context, line("p"), [INK, 3]);
  strokes(context, line("q"), [Q_COLOUR, 2.5, [9, 4]]);
  const trail = () => way.forEach(([m, logSd]) =>
    context.lineTo(x(m), y(peakOf(Math.exp(logSd)))));
  if (way.length > 1) strokes(context, trail, ["white", 4], [Q_COLOUR, 2, [2, 3]]);
  axes(context, x, y, { xTicks: [0, 5, 10], xName: "x (hours after noon)", yName: "per hour",
                        yTicks: [0.2, 0.4], bottom, left, width });
  drawLetters(context, x, y, points);
  const mode = truth.weights[0] < 0.5 ? truth.means[1] : truth.means[0];
  label(context, "p", x(mode), y(Math.exp(logDensity(mode, truth))) - 12);
  drawHandles(context, x, y, mean, sd);
  label(context, "q", x(mean) + 16, y(peakOf(sd)) - 8, { colour: Q_COLOUR });
  return { x, y };
}

/** A divergence as a bar: { element, show(value), least(value) }. Its notch: the least there is. */
function bar(which, roll) {
  const [letter, colour, name] = BARS[which], place = (v) => `${100 * Math.min(v / WIDEST, 1)}%`;
  const ink = h("div", { class: "fit-ink", style: `background: ${colour}` });
  const notch = h("div", { class: "fit-notch" }), number = h("span", { class: "fit-number" });
  const element = h("div", { class: "fit-bar" },
    h("span", { class: "fit-name" }, h("b", { class: `fit-${which}` }, letter), ` ${name}`),
    h("div", { class: "fit-track", "aria-hidden": "true" }, ink, notch), number, roll);
  return {
    element,
    show(v) {
      ink.style.width = place(v);
      ink.textContent = v > WIDEST ? "▸" : "";
      number.textContent = `${write(v, v < 9.9995 ? 3 : 2)} nats`;
    },
    least(v) { notch.style.left = place(v); },
  };
}

// --- the figure

class Fit {
  constructor(model, el) {
    const { sds, ...given } = model.get("header").settings;
    Object.assign(this, { el, sds, first: { ...AT_FIRST, ...given }, way: [], rolling: null,
                          frame: 0, held: null });
    this.build();
    this.listen();
    this.open(stateOf(fromAddress("fit") ?? []), false);
  }

  // --- the page

  build() {
    const { el } = this;
    this.plot = surface({ tabindex: 0, role: "application" }, 0.36, (context, width, height) => {
      const { state: { mean, sd }, truth, way } = this, q = [mean, Math.log(sd)];
      this.maps = draw(context, width, height, { truth, q, mean, sd, way });
    }, 200);
    this.buttons = {};
    this.bars = {};
    for (const which in BARS) {
      this.buttons[which] = button("", () => this.roll(this.rolling === which ? null : which));
      this.bars[which] = bar(which, this.buttons[which]);
    }
    const dial = (key, name, step, digits) => slider(name, { min: BOUNDS[key][0],
      max: BOUNDS[key][1], step, value: this.first[key], format: (v) => write(v, digits) },
      (v) => this.change({ [key]: v }));
    this.sliders = { distance: dial("distance", "distance", 0.1, 1),
                     weight: dial("weight", "weight of the first", 0.05, 2) };
    const places = Object.entries(PLACES).map(([name, place]) =>
      button(name, () => this.change(place)));
    this.note = h("p", { class: "live-note fit-note" });
    el.classList.add("live-figure", "fit");
    el.append(
      h("p", { class: "live-note" }, "Drag the green q by its peak or its shoulders and make a " +
        "bar short, down to its notch. Then press Roll: q goes on down that slope by itself."),
      this.plot.canvas, this.bars.forward.element, this.bars.reverse.element, this.note,
      inLine(h("span", { class: "fit-put" }, "Put q"), ...places,
             button("Reset", () => this.open({}))),
      h("div", { class: "fit-truth" }, this.sliders.distance.element, this.sliders.weight.element));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.plot;
    followFinger(canvas, (...at) => {
      if (!this.held) {
        this.roll(null);
        this.held = this.grip(at);
      }
      this.drag(at);
    }, () => {
      this.held = null;
      this.rest();
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.unfollow = followAddress("fit", (said) => this.open(stateOf(said), false));
  }

  end() {
    cancelAnimationFrame(this.frame);
    this.unfollow();
  }

  /** What lies under a pointer: a shoulder, or else the peak, which comes to it. */
  grip([px, py]) {
    const { x, y } = this.maps, { mean, sd } = this.state, peak = peakOf(sd);
    const far = (at, density) => Math.hypot(x(at) - px, y(density) - py);
    const shoulder = Math.min(...[-sd, sd].map((d) => far(mean + d, peak * Math.exp(-0.5))));
    return shoulder < 18 && shoulder < far(mean, peak) ? "shoulder" : "peak";
  }

  drag([px, py]) {
    const { x, y } = this.maps, at = x.back(px), density = Math.max(y.back(py), 0.01);
    if (this.held === "shoulder") this.change({ sd: Math.abs(at - this.state.mean) });
    else this.change({ mean: at, sd: peakOf(density) });
  }

  key(event) {
    const [key, step] = ARROWS[event.key] ?? [];
    if (event.key === "Home") this.open({});
    else if (key) this.change({ [key]: this.state[key] + step * (event.shiftKey ? 5 : 1) });
    else return;
    event.preventDefault();
  }

  // --- what happens

  /** Another state, from the beginning; named in the address but where it comes from there. */
  open({ roll = null, ...state }, named = true) {
    this.state = { ...this.first, ...state };
    this.roll(null);
    this.way = [];
    this.setTruth();
    this.show();
    if (roll) this.roll(roll);
    else this.rest(named);
  }

  /** By hand: another q, or another p. */
  change(to) {
    this.roll(null);
    this.way = [];
    for (const [key, v] of Object.entries(to)) this.state[key] = clamp(key, v);
    if ("distance" in to || "weight" in to) this.setTruth();
    this.show();
    if (!this.held) this.rest();
  }

  setTruth() {
    const { distance, weight } = this.state;
    this.truth = { weights: [weight, 1 - weight], means: [0, distance], sds: this.sds };
    this.truth.entropy = entropy(this.truth);
    const [mean, variance] = moments(this.truth);
    this.valleys = stationaryPoints(this.truth).filter((point) => point.valley);
    this.least = { forward: forwardKl(mean, Math.log(variance) / 2, this.truth).value,
                   reverse: Math.min(...this.valleys.map((point) => point.kl)) };
    for (const [which, v] of Object.entries(this.least)) this.bars[which].least(v);
    for (const key in this.sliders) this.sliders[key].set(this.state[key]);
  }

  values() {
    const { mean, sd } = this.state, at = [mean, Math.log(sd), this.truth];
    return { forward: forwardKl(...at).value, reverse: reverseKl(...at).value };
  }

  show() {
    const values = this.values();
    for (const which in BARS) this.bars[which].show(values[which]);
    this.plot.paint();
  }

  /** Let go: q rolls down a slope, a little faster with every step; null: it stops. */
  roll(which) {
    cancelAnimationFrame(this.frame);
    const stopped = this.rolling && !which;
    this.rolling = which;
    for (const name in BARS) {
      const verb = name === which ? "Stop" : "Roll";
      this.buttons[name].textContent = verb;
      this.buttons[name].setAttribute("aria-label", `${verb}: ${name} KL`);
    }
    if (stopped) this.rest();
    if (!which) return;
    const { mean, sd } = this.state;
    this.way = [[mean, Math.log(sd)]];
    this.note.textContent = `Rolling down ${which} KL …`;
    if (reducedMotion()) this.arrive(wayDown(this.way[0], which, this.truth));
    else this.frame = requestAnimationFrame(() => this.rollOn(1));
  }

  rollOn(frames) {
    for (let step = 0; step < 1 + frames / 20; step++) {
      const next = rolled(this.way.at(-1), this.rolling, this.truth);
      if (!next) return this.arrive(this.way);
      this.way.push(next);
    }
    this.follows();
    this.frame = requestAnimationFrame(() => this.rollOn(frames + 1));
    return null;
  }

  arrive(way) {
    this.way = way;
    this.follows();
    this.rolled = this.rolling;
    this.rolling = null;
    this.roll(null);
    this.rest(true, this.rolled);
  }

  /** q is where the way has come to. */
  follows() {
    const [mean, logSd] = this.way.at(-1);
    Object.assign(this.state, { mean, sd: Math.exp(logSd) });
    this.show();
  }

  /** Say how it stands, and name it in the address. */
  rest(named = true, down = null) {
    const { mean, sd } = this.state, { forward, reverse } = this.values();
    const stands = `q: mean ${write(mean)}, sd ${write(sd)}.`;
    this.note.textContent = down ? `${stands} ${this.verdict(down)}` : stands;
    const numbers = `Forward KL ${write(forward, 3)}, reverse KL ${write(reverse, 3)} nats.`;
    const [means, weights] = [this.truth.means, this.truth.weights]
      .map((list) => list.map((v) => write(v)).join(" and "));
    this.plot.canvas.setAttribute("aria-label", `Density p with modes at ${means}, weights ` +
      `${weights}, and a Gaussian q. ${stands} ${numbers} Left and right move its peak, up and ` +
      "down make it narrow or wide.");
    this.say(`${this.note.textContent} ${numbers}`);
    if (named) toAddress("fit", this.state, this.first);
  }

  /** Of a q that came to rest: whether it is the best there is. */
  verdict(which) {
    const value = this.values()[which], least = this.least[which];
    if (value < least + 1e-3) return `At rest: ${which} KL goes no lower.`;
    return `At rest, in a local optimum: ${which} KL goes down to ${write(least, 3)}.`;
  }
}

export default {
  render({ model, el }) {
    const figure = new Fit(model, el);
    el.live = { entropy, moments, stationaryPoints, rolled, wayDown,
                forwardKl: (...q) => forwardKl(...q), reverseKl: (...q) => reverseKl(...q),
                values: () => figure.values(),
                state: () => ({ ...figure.state, truth: figure.truth, least: figure.least,
                                rolling: figure.rolling, way: figure.way }) };
    return () => figure.end();
  },
};
