// Watch it learn: the VAE of chapter 3 is trained in the page, by the worker of engine/learn.js.
// Here is what is seen of it: held-out digits in the plane, what it decodes to, and the loss.

const BETAS = [0, 0.1, 0.3, 1, 3, 10, 30, 100], RATES = [0.0003, 0.001, 0.003, 0.01, 0.03];
const HIDDEN = [64, 256], DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const AT_FIRST = { beta: 1, rate: 0.01, hidden: 64, seed: 1, digit: null };  // digit: watched
const LENGTH = 2000;  // steps, and from each change on as many again
const ROWS = 13, LEAST = 2.6, SHARE = 0.98;  // of the mosaic; of the plane's reach; of codes in it
const STILL = 500;  // ms between drawings where motion is reduced
const CURVES = [["loss", INK, 2.5, []], ["reconstruction", BLUE, 2, [7, 4]],
                ["KL term", RED, 2, [2, 3]]];  // loss = reconstruction + beta * KL term, in nats
const HIGHEST = 300;  // nats on the curve's axis

/** What an address says of this figure, as #learn?beta=0&seed=2: what it may be, no more. */
function stateIn(said) {
  const state = {};
  for (const [key, text] of said) {
    const value = Number(text);
    const allowed = { beta: BETAS, rate: RATES, hidden: HIDDEN, digit: DIGITS }[key];
    if (allowed?.includes(value) || (key === "seed" && Number.isInteger(value) && value > 0))
      state[key] = value;
  }
  return state;
}

/** Half the height of the plane that nearly all codes fit into. shape: its width by its height. */
function reachOf(means, shape) {
  const far = Array.from({ length: means.length / 2 }, (_, i) =>
    Math.max(Math.abs(means[2 * i]) / shape, Math.abs(means[2 * i + 1])));
  return Math.max(LEAST, 1.1 * far.sort((p, q) => p - q)[Math.floor(SHARE * (far.length - 1))]);
}

/** Of how many codes the nearest other code is the same digit's, in per cent. */
function sorted(means, y) {
  let same = 0;
  for (let i = 0; i < y.length; i++) {
    let least = Infinity, nearest = 0;
    for (let j = 0; j < y.length; j++) {
      const far = (means[2 * i] - means[2 * j]) ** 2 + (means[2 * i + 1] - means[2 * j + 1]) ** 2;
      if (j !== i && far < least) [least, nearest] = [far, j];
    }
    if (y[i] === y[nearest]) same += 1;
  }
  return Math.round(100 * same / y.length);
}

/** How a curve is drawn, as a small picture on paper. */
function swatch(colour, thick, dash) {
  const canvas = h("canvas", { width: 44, height: 20, class: "live-swatch", "aria-hidden": true });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  strokes(context, () => { context.moveTo(0, 5); context.lineTo(22, 5); }, [colour, thick, dash]);
  return canvas;
}

/** The digit that is watched, at its code, or at the edge that it lies behind; and its q(z|x). */
function drawOwn(context, x, y, { picture, code }, { left, bottom, width }) {
  const half = 15, inside = (v, low, high) => Math.min(Math.max(v, low + half), high - half);
  const u = inside(x(code[0]), left, width), v = inside(y(code[1]), 0, bottom);
  const [rx, ry] = [2, 3].map((k) => 1.5 * Math.exp(code[k] / 2));
  strokes(context, () => context.ellipse(x(code[0]), y(code[1]), x(rx) - x(0), y(0) - y(ry), 0, 0,
                                         2 * Math.PI), ["white", 4], [INK, 1.5]);
  context.drawImage(bitmap(picture), u - half + 1, v - half + 1, 2 * half - 2, 2 * half - 2);
  strokes(context, () => context.rect(u - half, v - half, 2 * half, 2 * half), ["white", 5],
          [INK, 2]);
}

class Learning extends Training {
  constructor(model, el) {
    const a = unpack(model), { n_train: nTrain } = model.get("header").settings;
    super(el, "learn", AT_FIRST, stateIn, WORKER);
    Object.assign(this, { y: a.y, run: 0, until: 0, owed: 0, drawn: -Infinity, shape: 1 });
    this.ask("load", { digits: Uint8Array.from(a.digits), nTrain, plain: "plain" in el.dataset });
    this.picture = h("canvas");
    this.build();
    this.restart();
    this.watch();
    this.showDigit();
  }

  ask(task, given = {}) { this.worker.postMessage({ task, ...given }); }

  // --- the page

  build() {
    const { el } = this;
    this.plane = surface({ role: "img", "aria-label": "Latent plane" }, 0.98,
                         (...place) => this.drawPlane(...place));
    this.curve = surface({ role: "img", "aria-label": "Loss" }, 0.42,
                         (...place) => this.drawCurve(...place));
    this.numbers = readings("learn-numbers",
      [["step"], ...CURVES.map(([name, ...pen]) => [swatch(...pen), name])]);
    const sliding = (name, key, values) =>
      choice(name, values, AT_FIRST[key], (value) => this.change({ [key]: value }));
    this.sliders = { beta: sliding("beta", "beta", BETAS),
                     rate: sliding("learning rate", "rate", RATES) };
    this.width = select("hidden width", HIDDEN.map((n) => [String(n), String(n)]), "64",
                        (hidden) => this.change({ hidden: Number(hidden) }));
    this.play = button("Play", () => (this.running() ? this.pause() : this.go()));
    this.own = this.buildOwn();
    const line = inLine(this.play, button("Step", () => this.go(1)),
      button("Another seed", () => this.change({ seed: this.state.seed + 1 })),
      button("Reset", () => this.change(AT_FIRST)),
      h("div", { class: "live-line learn-more" }, this.width.element, this.own.list.element));
    el.classList.add("live-figure", "learn");
    el.append(
      h("p", { class: "live-note learn-task" }, el.dataset.play
        ? "Watch this network learn: digits that it does not train on find their places. " +
          "Press Play for more, or change beta."
        : "Press Play: the network learns in this page, and digits that it does not train on " +
          "find their places. Change beta while it runs."),
      h("div", { class: "learn-parts" },
        h("div", { class: "learn-plane" }, this.plane.canvas),
        h("div", { class: "learn-side" }, this.numbers.element,
          h("div", { class: "learn-pictures" }, this.curve.canvas,
            h("div", { class: "learn-paper" }, this.own.paper.surface.canvas, this.own.undo),
            this.own.copy.canvas),
          this.sliders.beta.element, this.sliders.rate.element)), line);
    this.say = announcer(el);
  }

  /** The reader's own digit: paper, what the decoder makes of it, and held-out ones to choose. */
  buildOwn() {
    const list = select("digit", [["", "none"], ["own", "yours"], ...DIGITS.map((d) => [d, an(d)])],
                        "", (value) => (value === "own" ? this.listOwn() : this.change(
                          { digit: value === "" ? null : Number(value) })));
    const paper = paperToDrawOn(["draw", "a digit"], () => this.watchOwn());
    const copy = surface({ role: "img" }, 1, (context, width) => {
      context.imageSmoothingEnabled = false;
      if (this.mine) context.drawImage(bitmap(this.mine.copy), 0, 0, width, width);
      else label(context, "its copy", width / 2, width / 2, { colour: GREY, size: 13, weight: "" });
    });
    const undo = h("button", { type: "button", "aria-label": "Undo the last stroke", click: () => {
      paper.undo();
      this.watchOwn();
      if (!paper.strokes.length) list.list.focus();
    } }, "↶");
    return { list, paper, copy, undo };
  }

  // --- one digit that is watched

  /** What is on the paper is watched. */
  watchOwn() {
    this.state.digit = null;
    this.listOwn();
    this.ask("watch", { picture: pictureOf(this.own.paper.strokes) });
  }

  /** The list says whose digit is watched. */
  listOwn() {
    const { digit } = this.state, mine = this.own.paper.strokes.length ? "own" : "";
    this.own.list.list.value = digit === null ? mine : String(digit);
    this.own.undo.hidden = !mine;
  }

  /** The held-out digit that the state names is watched, or none. */
  showDigit() {
    const { digit } = this.state;
    this.own.paper.clear();
    this.own.shown = null;
    this.listOwn();
    this.ask("watch", digit === null ? {} : { number: this.y.indexOf(digit) });
  }

  /** What the worker answers of it. */
  hearOwn(mine) {
    const { copy, paper } = this.own, { digit } = this.state;
    const drawn = digit === null ? "your drawing" : an(digit), shown = mine ? drawn : "nothing";
    this.mine = mine && { ...mine, copy: Float32Array.from(mine.copy, (v) => v / 255) };
    if (shown !== this.own.shown) {
      if (mine && digit !== null) paper.show(mine.picture);
      paper.surface.canvas.setAttribute("aria-label", "Paper to draw a digit on with mouse or " +
        `finger, or choose one in the list. It shows ${shown}.`);
      copy.canvas.setAttribute("aria-label", `What the decoder makes of the code of ${shown}`);
    }
    if (mine || shown !== this.own.shown) copy.paint();
    this.own.shown = shown;
  }

  // --- what happens

  running() { return this.steps < this.until; }

  /** A network from the beginning. */
  restart() {
    Object.assign(this, { run: this.run + 1, steps: 0, until: 0, losses: [], means: null,
                          mosaic: null, reach: LEAST });
    this.ask("restart", { run: this.run, hidden: this.state.hidden, seed: this.state.seed,
                          optimizer: "adam" });
    this.tell();
  }

  /** Hand on what the sliders say. */
  tell() {
    const { beta, rate, hidden } = this.state;
    this.sliders.beta.set(beta);
    this.sliders.rate.set(rate);
    this.width.list.value = String(hidden);
    this.ask("set", { beta, rate });
  }

  /** Another setting: a new network if it needs one; what ran goes on. */
  change(to, start = false) {
    const { hidden, seed, digit } = this.state, running = this.running();
    Object.assign(this.state, to);
    if (this.state.digit !== digit || to === AT_FIRST) this.showDigit();
    if (this.state.hidden !== hidden || this.state.seed !== seed || to === AT_FIRST || start)
      this.restart();
    else this.tell();
    if (start || (running && to !== AT_FIRST)) this.go();
    else this.label();
    this.tellAddress();
  }

  /** Train for so many steps. */
  go(steps = LENGTH, fast = false) {
    this.until = this.endOf(this.steps, this.until, steps);
    this.ask("go", { until: this.until, fast });
    this.label();
    if (steps > 1) this.say("Training");
  }

  pause() {
    this.until = 0;
    this.ask("go", { until: 0 });
    this.label();
    this.summarize();
  }

  label() { this.play.textContent = this.running() ? "Pause" : "Play"; }

  hear({ run, steps, losses, means, mosaic, mine }) {
    if (means) this.owed += 1;
    if (run === this.run) this.hearOwn(mine);
    if (means && run === this.run) {
      Object.assign(this, { steps, means, mosaic: mosaic ?? this.mosaic });
      this.losses.push(...losses);
      if (this.losses.length > 600) this.losses = this.losses.filter((_, i) => i % 2 === 0);
      if (mosaic) drawMosaic(mosaic, this.picture);
      if (this.until && !this.running()) this.rest();
      else if (!this.running()) this.summarize();
    }
    this.settle();
  }

  rest() {
    this.until = 0;
    this.label();
    this.summarize();
  }

  /** Draw, and then let the worker go on. */
  settle() {
    if (this.asked || !this.visible) return;
    this.asked = true;
    requestAnimationFrame((time) => {
      this.asked = false;
      if (reducedMotion() && this.running() && time - this.drawn < STILL) this.credit();
      else this.draw(time);
    });
  }

  credit() {
    const { reach, owed, shape } = this, columns = Math.round(ROWS * shape);
    this.owed = 0;
    if (owed) this.ask("seen", { reports: owed, view: { reach, columns, rows: ROWS } });
  }

  draw(time) {
    const { means, losses } = this;
    this.drawn = time;
    if (means) {
      const wanted = reachOf(means, this.shape);
      this.reach += (wanted - this.reach) * (reducedMotion() || !this.running() ? 1 : 0.1);
    }
    const [, reconstruction, kl] = losses.at(-1) ?? [];
    if (losses.length)
      this.numbers.show([this.steps, ...[reconstruction + this.state.beta * kl, reconstruction, kl]
        .map((v) => write(v, 1))]);
    this.plane.paint();
    this.curve.paint();
    this.credit();
  }

  summarize() {
    const { steps, losses, means, y, state } = this;
    if (!losses.length) return;
    const [, reconstruction, kl] = losses.at(-1), near = sorted(means, y);
    const own = this.mine ? ` The digit that you watch is at ${writePoint(this.mine.code)}.` : "";
    const text = `Step ${steps}: reconstruction ${write(reconstruction, 1)}, KL term ` +
      `${write(kl, 1)} nats at beta ${state.beta}. For ${near} % of the held-out digits the ` +
      `nearest code is the same digit's.${own}`;
    this.plane.canvas.setAttribute("aria-label", `Latent plane with the codes of ${y.length} ` +
      `held-out digits over what it decodes to. ${text}`);
    this.curve.canvas.setAttribute("aria-label", `The loss and its two terms by steps. ${text}`);
    if (steps) this.say(text);
  }

  // --- drawings

  drawPlane(context, width, height) {
    const { reach, means, mosaic, y } = this, maps = mapsOf(width, height, reach);
    this.shape = maps.shape;
    if (mosaic) layMosaic(context, this.picture, mosaic, maps);
    drawPrior(context, maps);
    planeAxes(context, maps);
    if (!means) return;
    numerals(context, maps, means, y);
    if (this.mine) drawOwn(context, maps.x, maps.y, this.mine, maps);
  }

  drawCurve(context, width, height) {
    const { losses, state: { beta } } = this, left = 34, bottom = height - 22;
    const last = Math.max(400, losses.at(-1)?.[0] ?? 0);
    const x = scale(0, last, left, width - 4), y = scale(0, HIGHEST, bottom, 4);
    const step = [100, 200, 500, 1000, 2000, 5000].find((s) => s >= last / 5) ?? 10_000;
    axes(context, x, y, { xTicks: [1, 2, 3, 4].map((i) => i * step).filter((v) => v < 0.9 * last),
                          yTicks: [0, 100, 200], xName: height > 120 ? "step" : "",
                          yName: "", bottom, left, width });
    label(context, "nats", width - 2, 10, { colour: GREY, size: 12, align: "right", weight: "" });
    const values = [([, r, kl]) => r + beta * kl, ([, r]) => r, ([, , kl]) => kl];
    context.save();
    context.beginPath();
    context.rect(left, 0, width, bottom);
    context.clip();
    CURVES.forEach(([, ...pen], k) => strokes(context, () => losses.forEach((loss) =>
      context.lineTo(x(loss[0]), y(values[k](loss)))), pen));
    context.restore();
  }
}

export default {
  render({ model, el }) {
    const figure = new Learning(model, el), seconds = Number(el.dataset.play);
    if ((seconds || location.hash.startsWith("#learn?")) && !reducedMotion()) figure.go();
    if (seconds) setTimeout(() => { if (figure.running()) figure.pause(); }, 1000 * seconds);
    el.live = { state: () => ({ ...figure.state, steps: figure.steps, running: figure.running(),
                                losses: figure.losses, reach: figure.reach }),
                means: () => figure.means, mosaic: () => figure.mosaic, mine: () => figure.mine,
                digits: () => figure.y, strokes: () => figure.own.paper.strokes,
                go: (steps, fast) => figure.go(steps, fast),
                sorted: () => sorted(figure.means, figure.y) };
    return () => figure.end();
  },
};
