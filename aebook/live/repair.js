// Spoil and repair: a digit, noise of a level under the finger, and what each of the chapter's
// denoisers makes of it, with its PSNR. The Wiener filter's covariance is that of some principal
// components, and of the rest the variance of each pixel.

const KINDS_OF_NOISE = { gaussian: ["Gaussian", "σ", 0.75], salt: ["salt and pepper", "p", 0.5] };
const LEVEL = { gaussian: 0.4, salt: 0.2 };
const AT_FIRST = { kind: "gaussian", level: LEVEL.gaussian, picture: 4, draw: 0 };
const METHODS = ["median filter", "Wiener filter", "narrow autoencoder", "wide autoencoder"];
const FRAME = 10;  // the picture that is no digit

// --- arithmetic

/** A noisy copy of a picture. normal, uniform: 784 draws of each. */
function spoil(x, kind, level, normal, uniform) {
  if (kind === "gaussian") return x.map((v, i) => v + level * normal[i]);
  return x.map((v, i) => (uniform[i] < level ? Number(normal[i] > 0) : v));
}

/** The median of each pixel and its eight neighbours; beyond the edge it is as at the edge. */
function median(y) {
  const inside = (i) => Math.min(Math.max(i, 0), 27);
  return y.map((_, at) => {
    const i = Math.floor(at / 28), j = at % 28, seen = [];
    for (let di = -1; di < 2; di++)
      for (let dj = -1; dj < 2; dj++) seen.push(y[28 * inside(i + di) + inside(j + dj)]);
    return seen.sort((p, q) => p - q)[4];
  });
}

/** Solve G u = b for a symmetric positive matrix of k rows, flat, by Cholesky's method. */
function solve(g, b) {
  const k = b.length, u = Float64Array.from(b);
  for (let j = 0; j < k; j++) {
    for (let i = j; i < k; i++) {
      let sum = g[i * k + j];
      for (let m = 0; m < j; m++) sum -= g[i * k + m] * g[j * k + m];
      g[i * k + j] = i > j ? sum / g[j * k + j] : Math.sqrt(sum);
    }
    for (let m = 0; m < j; m++) u[j] -= g[j * k + m] * u[m];
    u[j] /= g[j * k + j];
  }
  for (let j = k - 1; j >= 0; j--) {
    for (let m = j + 1; m < k; m++) u[j] -= g[m * k + j] * u[m];
    u[j] /= g[j * k + j];
  }
  return u;
}

/** The Wiener filter for pictures with these principal components: a function of a noisy picture,
 *  its kind of noise and its level. One inverse of k x k serves one kind and level. */
function wienerOf(a) {
  const { mean, square, power } = a, k = power.length, { kernel } = layerOf(a, "component");
  const along = (v) => dense(v, kernel, new Float64Array(k));  // 784 -> k
  const back = (u) => mean.map((_, i) => {  // k -> 784
    let sum = 0;
    for (let j = 0; j < k; j++) sum += kernel[i * k + j] * u[j];
    return sum;
  });
  const held = mean.map((_, i) => {  // of each pixel the variance that the components have
    let sum = 0;
    for (let j = 0; j < k; j++) sum += power[j] * kernel[i * k + j] ** 2;
    return sum;
  });
  const rest = mean.map((m, i) => Math.max(square[i] - m * m - held[i], 0));
  return (y, kind, level) => {
    const [kept, added] = kind === "gaussian" ? [1, level * level] : [1 - level, 0];
    const middle = mean.map((m) => kept * m + (1 - kept) / 2);
    const d = mean.map((m, i) => Math.max(kept * square[i] + (1 - kept) / 2 + added -
      middle[i] ** 2 - kept * kept * held[i], 1e-4));
    const b = y.map((v, i) => (v - middle[i]) / d[i]), g = new Float64Array(k * k);
    for (let i = 0; i < 784; i++)
      for (let p = 0; p < k; p++)
        for (let q = 0, v = kernel[i * k + p] / d[i]; q <= p; q++)
          g[p * k + q] += v * kernel[i * k + q];
    for (let p = 0; p < k; p++) g[p * k + p] += 1 / (power[p] * kept * kept);
    const through = back(solve(g, along(b)));
    const inverse = b.map((v, i) => v - through[i] / d[i]);
    const spread = back(along(inverse).map((v, j) => v * power[j]));
    return mean.map((m, i) => m + kept * (spread[i] + rest[i] * inverse[i]));
  };
}

const clip = (x) => Array.from(x, (v) => Math.min(Math.max(v, 0), 1));

/** 20 dB is a root mean squared error of 0.1. */
const psnr = (x, y) =>
  -10 * Math.log10(x.reduce((sum, v, i) => sum + (v - y[i]) ** 2, 0) / x.length);

/** What each method makes of a noisy picture: an array as METHODS. */
function repairer(a) {
  const wiener = wienerOf(a);
  const networks = [narrowOf(a), networkOf(a, "wide_0", "wide_1")];
  return (y, kind, level) => [median(clip(y)), wiener(y, kind, level),
                              ...networks.map((network) => network(y).map(sigmoid))].map(clip);
}

/** The narrow autoencoder: its code of 64 numbers is no hidden layer, so no relu follows it. */
function narrowOf(a) {
  const encoder = networkOf(a, "narrow_0", "narrow_1");
  const decoder = networkOf(a, "narrow_2", "narrow_3");
  return (y) => decoder(encoder(y));
}

// --- what is drawn

/** Everybody's decibels on a ladder: names that would lie on one another are moved apart. */
function drawLadder(context, width, height, scores) {
  const y = scale(0, 35, height - 12, 14), apart = 16;
  label(context, "PSNR (dB)", 0, 6, { colour: GREY, size: 12, weight: "", align: "left" });
  for (let v = 0; v <= 30; v += 5) {
    strokes(context, () => { context.moveTo(22, y(v)); context.lineTo(30, y(v)); }, [GREY, 1]);
    label(context, String(v), 18, y(v), { colour: GREY, size: 12, weight: "", align: "right" });
  }
  strokes(context, () => { context.moveTo(26, y(0)); context.lineTo(26, y(32)); }, [GREY, 1]);
  const at = scores.map((db, i) => ({ i, y: y(Math.min(db, 32)) })).sort((p, q) => q.y - p.y);
  let last = height + apart;
  for (const { i, y: place } of at) {
    const text = Math.max(Math.min(place, last - apart), 14), best = i === at.at(-1).i;
    const colour = i ? [INK, BLUE, RED, "#00795A"][i - 1] : GREY;
    strokes(context, () => { context.moveTo(26, place); context.lineTo(44, text); }, [colour, 1.5]);
    context.beginPath();
    context.arc(26, place, best ? 5 : 3.5, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    label(context, i ? METHODS[i - 1].split(" ")[0] : "spoiled", 47, text,
          { colour, size: 13, align: "left", weight: best ? "bold" : "" });
    last = text;
  }
}

// --- the figure

class Repair {
  constructor(model, el) {
    const a = unpack(model);
    Object.assign(this, { a, el, repaired: repairer(a) });
    this.build();
    this.follow = followAddress("repair", (said) => this.open(said, false));
    this.open(fromAddress("repair") ?? new URLSearchParams(), false);
  }

  build() {
    const { el } = this;
    this.paper = paperToDrawOn(["draw here"], () => this.own());
    this.frames = ["spoiled", ...METHODS].map((name) => frame(name));
    this.kind = select("noise", Object.entries(KINDS_OF_NOISE).map(([key, [name]]) => [key, name]),
                       "gaussian", (kind) => this.change({ kind, level: LEVEL[kind] }));
    const names = [...Array(10).keys()].map((d) => [String(d), an(d)]);
    this.picture = select("picture", [...names, [String(FRAME), "no digit"], ["own", "your own"]],
                          "4", (v) => (v === "own" ? this.blank()
                            : this.change({ picture: Number(v) })));
    this.level = slider("level", { min: 0, max: 1, step: 0.01, value: 0 },
                        (level) => this.change({ level }));
    this.note = h("p", { class: "live-note scene-note" });
    this.ladder = surface({ role: "img" }, 3, (context, width, height) =>
      drawLadder(context, width, height, this.scores));
    const paper = h("figure", { class: "live-frame" }, this.paper.surface.canvas,
                    h("figcaption", {}, "clean: draw your own"));
    el.classList.add("live-figure", "scene", "repair");
    el.append(
      h("p", { class: "live-note" }, "Spoil the digit with the slider. Four methods repair it, " +
        "the more decibels the better; where does the lead change? Then draw your own."),
      h("div", { class: "repair-parts" }, paper, ...this.frames.map((one) => one.element),
        this.ladder.canvas),
      this.note, this.level.element,
      inLine(this.kind.element, this.picture.element,
             button("New noise", () => this.change({ draw: (this.state.draw + 1) % this.draws })),
             button("Reset", () => this.open(new URLSearchParams()))));
    this.say = announcer(el);
  }

  get draws() { return this.a.normal.length / 784; }

  open(said, named = true) {
    const state = { ...AT_FIRST };
    if (said.get("kind") in KINDS_OF_NOISE) state.kind = said.get("kind");
    state.level = numberIn(said, "level", [0, KINDS_OF_NOISE[state.kind][2]], LEVEL[state.kind]);
    state.picture = Math.round(numberIn(said, "picture", [0, FRAME], AT_FIRST.picture));
    state.draw = Math.round(numberIn(said, "draw", [0, this.draws - 1], 0));
    this.state = state;
    this.change({ picture: state.picture }, named);
  }

  change(to, named = true) {
    Object.assign(this.state, to);
    if (to.picture >= 0) {
      const { a } = this, at = 784 * to.picture;
      this.x = Array.from(a.pictures.subarray(at, at + 784), (v) => v / 255);
      this.paper.show(this.x);
    }
    const { kind, level, picture } = this.state, [, letter, most] = KINDS_OF_NOISE[kind];
    this.kind.list.value = kind;
    this.picture.list.value = String(picture);
    this.level.range.max = most;
    this.level.set(level);
    this.level.element.firstChild.textContent = `level ${letter}`;
    this.show();
    if (named) toAddress("repair", this.state, AT_FIRST);
  }

  /** Blank paper: what is drawn on it counts, from the first stroke on. */
  blank() {
    this.paper.clear();
    this.x = Array(784).fill(0);
    this.change({ picture: "own" });
  }

  /** The reader draws. */
  own() {
    this.x = Array.from(pictureOf(this.paper.strokes) ?? Array(784).fill(0));
    if (this.state.picture === "own") this.show();
    else this.change({ picture: "own" });
  }

  show() {
    const { kind, level, draw } = this.state, at = 784 * draw;
    const [normal, uniform] = ["normal", "uniform"].map((name) =>
      this.a[name].subarray(at, at + 784));
    const y = spoil(this.x, kind, level, normal, uniform), all = this.repaired(y, kind, level);
    this.scores = [clip(y), ...all].map((picture) => psnr(this.x, picture));
    const best = this.scores.indexOf(Math.max(...this.scores));
    [clip(y), ...all].forEach((picture, i) => {
      const name = i ? METHODS[i - 1] : "spoiled", db = Number.isFinite(this.scores[i])
        ? `${write(this.scores[i], 1)} dB` : "no error";
      this.frames[i].show(picture, `${name} ${db}`, `${name}: ${db}`);
      this.frames[i].element.classList.toggle("repair-best", i === best);
    });
    this.result = all;
    this.tell(best);
  }

  tell(best) {
    const { kind, level, picture } = this.state, [name, letter] = KINDS_OF_NOISE[kind];
    const which = best ? `the ${METHODS[best - 1]}` : "doing nothing";
    this.note.textContent = `Best on this picture: ${which}.`;
    const shown = picture === "own" ? "your drawing" : picture === FRAME
      ? "a frame with a diagonal" : an(picture);
    this.paper.surface.canvas.setAttribute("aria-label",
      `Paper to draw on with mouse or finger. It shows ${shown}.`);
    this.ladder.paint();
    const scores = ["spoiled", ...METHODS].map((method, i) =>
      `${method} ${write(this.scores[i], 1)}`);
    this.ladder.canvas.setAttribute("aria-label", `PSNR: ${scores.join(", ")} dB`);
    this.say(`${name} noise, ${letter} = ${write(level)}. ${scores.join(", ")} dB. ` +
      this.note.textContent);
  }

  end() { this.follow(); }
}

export default {
  render({ model, el }) {
    const figure = new Repair(model, el);
    el.live = { spoil, median, psnr, repaired: figure.repaired,
                state: () => ({ ...figure.state, x: figure.x, scores: figure.scores,
                                result: figure.result }) };
    return () => figure.end();
  },
};
