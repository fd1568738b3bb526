// Set the alarm: a threshold over the scores of known and of unseen digits, under the finger; the
// ROC point moves, and hits and false alarms are counted.

const AT_FIRST = { digit: 4, score: "error", threshold: null }, TOP_FALSE = 0.1;
const BINS = 64, SKY = "#56B4E9", THUMB = 28, EACH = 8;  // thumbnails of a kind

/** All that is known of one score of one held-out digit. levels: of each case its score in 256
 *  steps; unseen: whether it is that digit. Counts of cases above each level, for both kinds. */
function problem(levels, unseen) {
  const count = [new Uint32Array(256), new Uint32Array(256)];
  levels.forEach((v, i) => { count[unseen[i] ? 1 : 0][v] += 1; });
  const [known, strange] = count.map((list) => list.reduce((p, q) => p + q, 0));
  const above = count.map((list) => {
    const out = new Uint32Array(257);
    for (let v = 255; v >= 0; v--) out[v] = out[v + 1] + list[v];
    return out;
  });
  return { count, above, known, strange };
}

/** Where the alarm rings from level v on: hits, false alarms, and their rates. */
function outcome({ above, known, strange }, v) {
  const falseAlarms = above[0][v], hits = above[1][v];
  return { hits, falseAlarms, tpr: hits / strange, fpr: falseAlarms / known };
}

/** The ROC curve, from no alarm to nothing but alarms: [[fpr, tpr], ...]. */
const rocOf = (p) => Array.from({ length: 257 }, (_, i) => {
  const { fpr, tpr } = outcome(p, 256 - i);
  return [fpr, tpr];
});

/** The area below it, by trapezia. */
const aucOf = (p) => rocOf(p).reduce((sum, [x, y], i, all) =>
  (i ? sum + (x - all[i - 1][0]) * (y + all[i - 1][1]) / 2 : 0), 0);

// --- what is drawn

/** Shares of the cases in each bin, known and unseen. */
function sharesOf({ count, known, strange }) {
  const width = 256 / BINS;
  return [known, strange].map((n, kind) => Array.from({ length: BINS }, (_, b) =>
    count[kind].subarray(b * width, (b + 1) * width).reduce((p, q) => p + q, 0) / n));
}

/** Both outlines, and what of the bins lies right of the threshold, inked. */
function drawOutlines(context, x, y, shares, level) {
  const edge = (b) => x(b * 256 / BINS);
  shares[0].forEach((share, b) => {
    context.fillStyle = SKY;
    context.globalAlpha = 0.45;
    context.fillRect(edge(b), y(share), edge(b + 1) - edge(b), y(0) - y(share));
    const from = Math.max(edge(b), x(level));
    context.fillStyle = RED;
    context.globalAlpha = 0.75;
    if (from < edge(b + 1)) context.fillRect(from, y(share), edge(b + 1) - from, y(0) - y(share));
  });
  context.globalAlpha = 1;
  const steps = () => shares[1].forEach((share, b) => {
    context.lineTo(edge(b), y(share));
    context.lineTo(edge(b + 1), y(share));
  });
  strokes(context, steps, ["white", 4], [INK, 2]);
}

function drawHistograms(context, width, height, figure) {
  const { shares, level, digit, low, step } = figure, left = 4, bottom = height - 22;
  const top = 1.18 * Math.max(...shares.flat());
  const x = scale(0, 256, left, width), y = scale(0, top, bottom, 0);
  drawOutlines(context, x, y, shares, level);
  const span = 256 * step, tick = [1, 2, 5, 10, 20, 50, 100, 200].find((v) => span / v < 8) ?? 500;
  const ticks = Array.from({ length: 9 }, (_, i) => (Math.ceil(low / tick) + i) * tick)
    .filter((v) => v < low + span);
  const worth = (v) => x((v - low) / step);
  axes(context, worth, y, { xTicks: ticks, yTicks: [], xName: "", yName: "", bottom, left, width });
  const line = () => { context.moveTo(x(level), 0); context.lineTo(x(level), bottom); };
  strokes(context, line, ["white", 6], [INK, 3, [7, 3]]);
  const peak = (kind) => shares[kind].indexOf(Math.max(...shares[kind]));
  const place = (kind) => [edge(x, peak(kind)), Math.max(y(shares[kind][peak(kind)]) - 10, 8)];
  label(context, "known", ...place(0), { colour: "#00558a", size: 13 });
  label(context, `${digit}, unseen`, Math.min(place(1)[0] + 34, width - 34),
        Math.max(y(shares[1][peak(1)] * 0.8), 24), { size: 13 });
  label(context, "alarm →", Math.min(x(level) + 34, width - 28), bottom - 10,
        { colour: RED, size: 13 });
  return { x };
}

const edge = (x, b) => x((b + 0.5) * 256 / BINS);

function drawRoc(context, width, height, { problem: p, level }) {
  const left = 28, bottom = height - 22, x = scale(0, 1, left, width - 8);
  const y = scale(0, 1, bottom, 6), curve = rocOf(p), { fpr, tpr } = outcome(p, level);
  const line = () => curve.forEach(([u, v]) => context.lineTo(x(u), y(v)));
  context.beginPath();
  context.moveTo(x(0), y(0));
  line();
  context.lineTo(x(1), y(0));
  context.fillStyle = "#e8f1f8";
  context.fill();
  const chance = () => { context.moveTo(x(0), y(0)); context.lineTo(x(1), y(1)); };
  strokes(context, chance, [GREY, 1, [4, 4]]);
  strokes(context, line, [BLUE, 2.5]);
  const [xName, yName] = width < 180 ? ["FPR", "TPR"]
    : ["false-positive rate", "true-positive rate"];
  axes(context, x, y, { xTicks: [0, 1], yTicks: [0, 1], xName, yName, bottom, left, width });
  const hairs = () => {
    context.moveTo(x(fpr), bottom);
    context.lineTo(x(fpr), y(tpr));
    context.lineTo(left, y(tpr));
  };
  strokes(context, hairs, [RED, 1, [3, 3]]);
  strokes(context, () => context.arc(x(fpr), y(tpr), 7, 0, 2 * Math.PI), ["white", 4]);
  context.fillStyle = RED;
  context.fill();
  return { x, y, curve };
}

/** Some cases in the order of their scores, unseen ones above; whoever rings is framed. */
function drawCases(context, width, height, { cases, level }) {
  const side = Math.min(width / EACH, height / 2) - 4;
  cases.forEach((list, row) => list.forEach(({ picture, v }, i) => {
    const x = i * width / EACH + 2, y = row * height / 2 + 2;
    context.imageSmoothingEnabled = side < THUMB;
    context.drawImage(bitmap(picture), x, y, side, side);
    const rings = v >= level;
    context.strokeStyle = rings ? RED : PALE;
    context.lineWidth = rings ? 3 : 1;
    context.strokeRect(x, y, side, side);
    if (rings) label(context, "!", x + side - 6, y + 9, { colour: RED, size: 15 });
  }));
}

// --- the figure

class Alarm {
  constructor(model, el) {
    const a = unpack(model), { settings } = model.get("header");
    Object.assign(this, { a, el, settings, n: a.y.length, state: { ...AT_FIRST } });
    this.build();
    this.listen();
    this.open(fromAddress("alarm") ?? new URLSearchParams(), false);
  }

  build() {
    const { el } = this;
    this.plot = surface({ tabindex: 0, role: "application" }, 0.6, (...place) => {
      this.maps = drawHistograms(...place, this);
    });
    this.roc = surface({ role: "img" }, 1, (...place) => { this.curve = drawRoc(...place, this); });
    this.strip = surface({ role: "img" }, 0.25, (...place) => drawCases(...place, this));
    this.cells = ["hits", "misses", "false alarms", "precision", "AUC"].map((name) => {
      const cell = h("td", {}, "–");
      return { row: h("tr", {}, h("th", { scope: "row" }, name), cell), cell };
    });
    this.threshold = slider("threshold", { min: 0, max: 1, step: 1, value: 0,
                                           format: (v) => write(v, 1) },
                            (v) => this.setLevel(Math.round((v - this.low) / this.step)));
    const digits = [...Array(10).keys()].map((d) => [String(d), an(d)]);
    this.digits = select("never seen", digits, "4", (d) => this.choose({ digit: Number(d) }));
    this.scores = select("score", this.settings.scores.map((name) => [name, name]), "error",
                         (score) => this.choose({ score }));
    el.classList.add("live-figure", "scene", "alarm");
    el.append(
      h("p", { class: "live-note" }, "Drag the dashed threshold. Right of it the alarm rings: " +
        "catch the unseen digits (outline) with few false alarms (red)."),
      h("div", { class: "alarm-parts" }, this.plot.canvas, this.roc.canvas),
      h("div", { class: "alarm-cases" }, this.strip.canvas,
        h("p", {}, "Above eight of the unseen digit, below eight others, in the order of their " +
          "scores. Framed: alarm.")),
      h("table", { class: "scene-numbers" }, h("tbody", {}, ...this.cells.map((c) => c.row))),
      this.threshold.element,
      inLine(this.digits.element, this.scores.element,
             button("Reset", () => this.open(new URLSearchParams()))));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.plot, over = () => this.rest();
    followFinger(canvas, (px) => this.setLevel(Math.round(this.maps.x.back(px)), false), over);
    followFinger(this.roc.canvas, (px, py) => {
      const { x, y, curve } = this.curve;
      const far = curve.map(([u, v]) => Math.hypot(x(u) - px, y(v) - py));
      this.setLevel(256 - far.indexOf(Math.min(...far)), false);
    }, over);
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.setLevel(this.level + by * (event.shiftKey ? 10 : 1));
    });
    this.follow = followAddress("alarm", (said) => this.open(said, false));
  }

  open(said, named = true) {
    const { scores } = this.settings, score = said.get("score");
    const digit = Math.round(numberIn(said, "digit", [0, 9], AT_FIRST.digit));
    this.choose({ digit, score: scores.includes(score) ? score : scores[0] },
                numberIn(said, "threshold", [-1e6, 1e6], null), named);
  }

  /** Another digit, or another score. threshold: null for a tenth of false alarms. */
  choose(to, threshold = null, named = true) {
    const { a, n, settings } = this, { digit, score } = Object.assign(this.state, to);
    const s = settings.scores.indexOf(score), at = (10 * s + digit) * n;
    const levels = a.levels.subarray(at, at + n), unseen = a.y.map((y) => Number(y === digit));
    [this.low, this.step] = settings.ranges[s][digit];
    Object.assign(this, { digit, problem: problem(levels, unseen), cases: this.casesOf(levels) });
    this.shares = sharesOf(this.problem);
    this.auc = aucOf(this.problem);
    const { range } = this.threshold;
    [range.min, range.max, range.step] = [this.low, this.low + 256 * this.step, this.step];
    this.digits.list.value = String(digit);
    this.scores.list.value = score;
    const usual = [...this.problem.above[0]].findIndex((c) => c <= TOP_FALSE * this.problem.known);
    this.usual = usual;
    this.setLevel(threshold === null ? usual : Math.round((threshold - this.low) / this.step),
                  true, named);
  }

  /** The thumbnails with their scores, known and unseen, in rising order. */
  casesOf(levels) {
    const { a } = this, from = 2 * EACH * this.state.digit;
    const all = Array.from({ length: 2 * EACH }, (_, i) => {
      const at = (from + i) * 392, picture = new Float32Array(784);
      picture.forEach((_v, k) => {
        const two = a.pictures[at + (k >> 1)];
        picture[k] = (k % 2 ? two & 15 : two >> 4) / 15;
      });
      return { picture, v: levels[a.rows[from + i]] };
    });
    return [all.slice(0, EACH), all.slice(EACH)].map((list) => list.sort((p, q) => p.v - q.v));
  }

  setLevel(level, rests = true, named = true) {
    this.level = Math.min(Math.max(level, 0), 256);
    const { problem: p } = this, { hits, falseAlarms, tpr, fpr } = outcome(p, this.level);
    const share = (v) => `${write(100 * v, 0)} %`, rung = hits + falseAlarms;
    const texts = [`${hits} of ${p.strange}, ${share(tpr)}`, String(p.strange - hits),
                   `${falseAlarms} of ${p.known}, ${share(fpr)}`,
                   rung ? share(hits / rung) : "–", write(this.auc, 3)];
    texts.forEach((text, i) => { this.cells[i].cell.textContent = text; });
    this.texts = texts;
    this.threshold.set(this.low + this.level * this.step);
    for (const part of [this.plot, this.roc, this.strip]) part.paint();
    if (rests) this.rest(named);
  }

  rest(named = true) {
    const { digit, score } = this.state, at = this.low + this.level * this.step;
    const [hits, , falseAlarms, , auc] = this.texts;
    const stands = `Threshold ${write(at, 1)}: hits ${hits}; false alarms ${falseAlarms}.`;
    this.plot.canvas.setAttribute("aria-label", `Histograms of the ${score} of known digits and ` +
      `of ${digit}s, which the network never saw. ${stands} The arrow keys move the threshold.`);
    this.roc.canvas.setAttribute("aria-label", `ROC curve, area ${auc}. ${stands}`);
    this.strip.canvas.setAttribute("aria-label", `Eight ${digit}s and eight known digits in the ` +
      "order of their scores; those with an alarm are framed.");
    this.say(`${stands} AUC ${auc}.`);
    const threshold = this.level === this.usual ? "" : at;
    if (named) toAddress("alarm", { digit, score, threshold }, { ...AT_FIRST, threshold: "" });
  }

  end() { this.follow(); }
}

export default {
  render({ model, el }) {
    const figure = new Alarm(model, el);
    el.live = { roc: () => rocOf(figure.problem),
                state: () => ({ ...figure.state, level: figure.level, auc: figure.auc,
                                low: figure.low, step: figure.step,
                                ...outcome(figure.problem, figure.level) }) };
    return () => figure.end();
  },
};
