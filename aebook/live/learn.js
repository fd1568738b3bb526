// Watch it learn: the VAE of chapter 3 is trained in the page, by the worker of engine/learn.js.
// Here is what is seen of it: held-out digits in the plane, what it decodes to, and the loss.

const BETAS = [0, 0.1, 0.3, 1, 3, 10, 30, 100], RATES = [0.0003, 0.001, 0.003, 0.01, 0.03];
const HIDDEN = [64, 256], AT_FIRST = { beta: 1, rate: 0.01, hidden: 64, seed: 1 };
const LENGTH = 2000;  // steps, and from each change on as many again
const ROWS = 13, LEAST = 2.6, SHARE = 0.98;  // of the mosaic; of the plane's reach; of codes in it
const STILL = 500;  // ms between drawings where motion is reduced
const CURVES = [["loss, in nats", INK, 2.5, []], ["reconstruction", BLUE, 2, [7, 4]],
                ["β × KL term", RED, 2, [2, 3]]];
const HIGHEST = 300;  // nats on the curve's axis

/** What an address says of this figure, as #learn?beta=0&seed=2: what it may be, no more. */
function stateIn(hash) {
  const [name, said] = hash.slice(1).split("?"), state = {};
  if (name !== "learn") return null;
  for (const [key, text] of new URLSearchParams(said ?? "")) {
    const value = Number(text), allowed = { beta: BETAS, rate: RATES, hidden: HIDDEN }[key];
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

/** The decoded grid as one picture, pale, so that what lies over it can be read. */
function drawMosaic({ columns, rows, pictures }, canvas) {
  [canvas.width, canvas.height] = [28 * columns, 28 * rows];
  const context = canvas.getContext("2d"), image = context.createImageData(28 * columns, 28 * rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pictures.length; i++) {
    const tile = Math.floor(i / 784), down = Math.floor(i % 784 / 28);
    const row = 28 * Math.floor(tile / columns) + down;
    const column = 28 * (tile % columns) + i % 28, grey = 255 - 0.3 * pictures[i];
    pixels[row * 28 * columns + column] = 0xff000000 | grey << 16 | grey << 8 | grey;
  }
  context.putImageData(image, 0, 0);
}

/** A numeral in its colour as a picture, larger than shown: drawn faster than written. */
function stamp(colour, digit) {
  const canvas = h("canvas", { width: 36, height: 36 }), context = canvas.getContext("2d");
  Object.assign(context, { font: "bold 33px system-ui, sans-serif", textAlign: "center",
                           textBaseline: "middle", fillStyle: colour });
  context.fillText(digit, 18, 19);
  return canvas;
}

/** The prior N(0, I): circles at one and two standard deviations. */
function drawPrior(context, x, y) {
  for (const radius of [1, 2]) {
    const circle = () => context.arc(x(0), y(0), x(radius) - x(0), 0, 2 * Math.PI);
    strokes(context, circle, ["white", 3], [GREY, 1, [4, 4]]);
  }
}

/** The numbers of now: { element, show(values) }, each below its name. */
function readings(names) {
  const cells = names.map(() => h("td", {}, "–"));
  const row = (tag, list) => h("tr", {}, ...list.map((entry) =>
    (tag === "th" ? h("th", { scope: "col" }, entry) : entry)));
  const element = h("table", { class: "learn-numbers" }, h("thead", {}, row("th", names)),
                    h("tbody", {}, row("td", cells)));
  return { element, show: (values) => values.forEach((v, i) => { cells[i].textContent = v; }) };
}

/** A slider over a list of values. */
function choice(name, values, value, changed) {
  const control = slider(name, { min: 0, max: values.length - 1, step: 1,
    value: values.indexOf(value), format: (i) => String(values[i]) }, (i) => changed(values[i]));
  return { ...control, set: (v) => control.set(values.indexOf(v)) };
}

class Learning {
  constructor(model, el) {
    const a = unpack(model), { n_train: nTrain } = model.get("header").settings;
    Object.assign(this, { el, y: a.y, state: { ...AT_FIRST, ...stateIn(location.hash) }, run: 0,
                          until: 0, owed: 0, visible: true, drawn: -Infinity, shape: 1 });
    this.worker = new Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" })));
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => this.fail(event);
    this.ask("load", { digits: Uint8Array.from(a.digits), nTrain, plain: "plain" in el.dataset });
    this.picture = h("canvas");
    this.build();
    this.restart();
    this.watch();
  }

  ask(task, given = {}) { this.worker.postMessage({ task, ...given }); }

  // --- the page

  build() {
    const { el } = this;
    this.plane = surface({ role: "img", "aria-label": "Latent plane" }, 0.98,
                         (...place) => this.drawPlane(...place));
    this.curve = surface({ role: "img", "aria-label": "Loss" }, 0.8,
                         (...place) => this.drawCurve(...place));
    this.numbers = readings(["step", "loss", "reconstruction", "KL term"]);
    const sliding = (name, key, values) =>
      choice(name, values, AT_FIRST[key], (value) => this.change({ [key]: value }));
    this.sliders = { beta: sliding("beta", "beta", BETAS),
                     rate: sliding("learning rate", "rate", RATES) };
    this.width = select("hidden width", HIDDEN.map((n) => [String(n), String(n)]), "64",
                        (hidden) => this.change({ hidden: Number(hidden) }));
    this.play = button("Play", () => (this.running() ? this.pause() : this.go()));
    const line = inLine(this.play, button("Step", () => this.go(1)),
      button("Another seed", () => this.change({ seed: this.state.seed + 1 })),
      button("Reset", () => this.change(AT_FIRST)), this.width.element);
    el.classList.add("live-figure", "learn");
    el.append(
      h("p", { class: "live-note learn-task" }, "Press Play: the network learns in this page, " +
        "and digits that it does not train on find their places. Change beta while it runs."),
      h("div", { class: "learn-parts" },
        h("div", { class: "learn-plane" }, this.plane.canvas),
        h("div", { class: "learn-side" }, this.numbers.element, this.curve.canvas,
          this.sliders.beta.element, this.sliders.rate.element)), line);
    this.say = announcer(el);
  }

  /** Rest where the figure is not to be seen, and follow what the address says. */
  watch() {
    this.observer = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      if (this.visible) this.settle();
    });
    this.observer.observe(this.el);
    this.follow = () => {
      const state = stateIn(location.hash);
      if (state) this.change({ ...AT_FIRST, ...state }, !reducedMotion());
    };
    addEventListener("hashchange", this.follow);
  }

  end() {
    this.worker.terminate();
    this.observer.disconnect();
    removeEventListener("hashchange", this.follow);
  }

  fail(event) {
    event.preventDefault?.();
    this.el.querySelector(".learn-task").textContent =
      `This browser cannot train here: ${event.message}`;
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
    const { hidden, seed } = this.state, running = this.running();
    Object.assign(this.state, to);
    if (this.state.hidden !== hidden || this.state.seed !== seed || to === AT_FIRST || start)
      this.restart();
    else this.tell();
    if (start || (running && to !== AT_FIRST)) this.go();
    else this.name();
    history.replaceState(null, "", to === AT_FIRST ? "#learn" : this.address());
  }

  address() {
    const changed = Object.entries(this.state).filter(([key, v]) => v !== AT_FIRST[key]);
    return `#learn?${new URLSearchParams(Object.fromEntries(changed))}`;
  }

  /** Train for so many steps. */
  go(steps = LENGTH, fast = false) {
    const asked = this.until - this.steps;  // single steps, pressed fast, add up
    this.until = this.steps + steps + (steps === 1 && asked > 0 && asked < 20 ? asked : 0);
    this.ask("go", { until: this.until, fast });
    this.name();
    if (steps > 1) this.say("Training");
  }

  pause() {
    this.until = 0;
    this.ask("go", { until: 0 });
    this.name();
    this.summarize();
  }

  name() { this.play.textContent = this.running() ? "Pause" : "Play"; }

  hear({ run, steps, losses, means, mosaic }) {
    this.owed += 1;
    if (run === this.run) {
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
    this.name();
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
    const text = `Step ${steps}: reconstruction ${write(reconstruction, 1)}, KL term ` +
      `${write(kl, 1)} nats at beta ${state.beta}. For ${near} % of the held-out digits the ` +
      "nearest code is the same digit's.";
    this.plane.canvas.setAttribute("aria-label", `Latent plane with the codes of ${y.length} ` +
      `held-out digits over what it decodes to. ${text}`);
    this.curve.canvas.setAttribute("aria-label", `The loss and its two terms by steps. ${text}`);
    if (steps) this.say(text);
  }

  // --- drawings

  drawPlane(context, width, height) {
    const { reach, means, mosaic, y: digits } = this, left = 26, bottom = height - 22;
    this.shape = (width - left) / bottom;
    const wide = reach * this.shape;
    const x = scale(-wide, wide, left, width), y = scale(-reach, reach, bottom, 0);
    if (mosaic) {
      const across = mosaic.reach / mosaic.rows * mosaic.columns;
      context.save();
      context.beginPath();
      context.rect(left, 0, width - left, bottom);
      context.clip();
      context.drawImage(this.picture, x(-across), y(mosaic.reach), x(across) - x(-across),
                        y(-mosaic.reach) - y(mosaic.reach));
      context.restore();
    }
    drawPrior(context, x, y);
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => s >= reach / 3) ?? 1000;
    const ticks = [-3, -2, -1, 0, 1, 2, 3].map((i) => i * step);
    axes(context, x, y, { xTicks: within(ticks, 0.9 * wide), yTicks: within(ticks, 0.9 * reach),
                          xName: "z₁", yName: "z₂", bottom, left, width });
    if (!means) return;
    this.stamps ??= DIGIT_COLOURS.map(stamp);
    digits.forEach((digit, i) => {
      const [u, v] = [x(means[2 * i]), y(means[2 * i + 1])];
      if (u < left || v > bottom) return;
      context.drawImage(this.stamps[digit], u - 6, v - 6, 12, 12);
    });
  }

  drawCurve(context, width, height) {
    const { losses, state: { beta } } = this, left = 34, bottom = height - 22;
    const last = Math.max(400, losses.at(-1)?.[0] ?? 0);
    const x = scale(0, last, left, width - 4), y = scale(0, HIGHEST, bottom, 4);
    const step = [100, 200, 500, 1000, 2000, 5000].find((s) => s >= last / 5) ?? 10_000;
    axes(context, x, y, { xTicks: [1, 2, 3, 4].map((i) => i * step).filter((v) => v < 0.9 * last),
                          yTicks: [0, 100, 200], xName: height > 120 ? "step" : "", yName: "",
                          bottom, left, width });
    const values = [([, r, kl]) => r + beta * kl, ([, r]) => r, ([, , kl]) => beta * kl];
    context.save();
    context.beginPath();
    context.rect(left, 0, width, bottom);
    context.clip();
    CURVES.forEach(([name, colour, thick, dash], k) => {
      const at = (loss) => [x(loss[0]), y(values[k](loss))];
      strokes(context, () => losses.forEach((loss) => context.lineTo(...at(loss))),
              [colour, thick, dash]);
      strokes(context, () => {
        context.moveTo(width - 132, 12 + 15 * k);
        context.lineTo(width - 106, 12 + 15 * k);
      }, [colour, thick, dash]);
      label(context, name, width - 100, 12 + 15 * k,
            { colour, size: 12, align: "left", weight: "" });
    });
    context.restore();
  }
}

const within = (list, most) => list.filter((v) => Math.abs(v) <= most);

export default {
  render({ model, el }) {
    const figure = new Learning(model, el), seconds = Number(el.dataset.play);
    if ((seconds || location.hash.startsWith("#learn?")) && !reducedMotion()) figure.go();
    if (seconds) setTimeout(() => { if (figure.running()) figure.pause(); }, 1000 * seconds);
    el.live = { state: () => ({ ...figure.state, steps: figure.steps, running: figure.running(),
                                losses: figure.losses, reach: figure.reach }),
                means: () => figure.means, mosaic: () => figure.mosaic,
                go: (steps, fast) => figure.go(steps, fast),
                sorted: () => sorted(figure.means, figure.y), reachOf, stateIn };
    return () => figure.end();
  },
};
