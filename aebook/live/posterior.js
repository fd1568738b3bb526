// Draw from the posterior: q(z|x) of a digit under the finger, a dozen draws from it, and what the
// decoder makes of them. The noise of the draws is held still, so they move with the mean.

const DRAWS = 12, ROWS = 11, REACH = 4, ARM = 18;  // of the mosaic; of the plane; in pixels
const WIDTHS = [-2.5, 0.5];  // log10 of a standard deviation that may be set
const CHANGES = ["m1", "m2", "s1", "s2"];  // of the state: the mean, the standard deviations
const BOUNDS = { m1: [-4.5, 4.5], m2: [-REACH, REACH], s1: [0.01, 3], s2: [0.01, 3] };

// --- what is drawn

/** An ellipse at 1.5 standard deviations. */
function drawEllipse(context, { x, y }, [m1, m2], [s1, s2], ...pens) {
  const [rx, ry] = [x(1.5 * s1) - x(0), y(0) - y(1.5 * s2)];
  strokes(context, () => context.ellipse(x(m1), y(m2), rx, ry, 0, 0, 2 * Math.PI), ...pens);
}

/** Where the two squares are, by which an ellipse is made wide or narrow, in pixels: off its right
 *  and upper end; or off the left and lower one, where there is no room. */
function handlesOf({ x, y, width }, { m1, m2, s1, s2 }) {
  const right = x(m1 + 1.5 * s1) + ARM, top = y(m2 + 1.5 * s2) - ARM;
  return { s1: [right < width - 6 ? right : x(m1 - 1.5 * s1) - ARM, y(m2)],
           s2: [x(m1), top > 6 ? top : y(m2 - 1.5 * s2) + ARM] };
}

/** q(z|x) and what it is held by: its mean, and the two squares. */
function drawHeld(context, maps, q) {
  const { m1, m2, s1, s2 } = q, [px, py] = [maps.x(m1), maps.y(m2)];
  drawEllipse(context, maps, [m1, m2], [s1, s2], ["white", 5], [RED, 2.5]);
  context.fillStyle = RED;
  for (const [u, v] of Object.values(handlesOf(maps, q))) {
    strokes(context, () => { context.moveTo(px, py); context.lineTo(u, v); }, [RED, 1]);
    strokes(context, () => context.rect(u - 5, v - 5, 10, 10), ["white", 4]);
    context.fill();
  }
  strokes(context, () => context.arc(px, py, 5, 0, 2 * Math.PI), ["white", 4], [RED, 2]);
}

/** The noise itself, in a corner: what is held still. */
function drawNoise(context, { left, bottom }, noise) {
  const size = Math.min(bottom / 4, 76), unit = size / 5.5, middle = size / 2;
  const [px, py] = [left + 2 + middle, bottom - 2 - middle];
  context.fillStyle = "white";
  context.fillRect(px - middle, py - middle, size, size);
  strokes(context, () => context.rect(px - middle, py - middle, size, size), [GREY, 1]);
  strokes(context, () => context.arc(px, py, unit, 0, 2 * Math.PI), [GREY, 1, [3, 3]]);
  for (const [e1, e2] of noise) drawDot(context, px + unit * e1, py - unit * e2, unit / 6);
  label(context, "ε", px - middle + 9, py - middle + 10, { size: 15 });
}

function drawDot(context, px, py, radius) {
  strokes(context, () => context.arc(px, py, radius, 0, 2 * Math.PI), ["white", 3]);
  context.fillStyle = INK;
  context.fill();
}

/** The dozen pictures, side by side. */
function drawPictures(context, width, height, pictures) {
  const columns = width > height ? 6 : 3, side = width / columns;
  context.imageSmoothingEnabled = false;
  pictures.forEach((picture, i) => context.drawImage(bitmap(picture), side * (i % columns) + 1,
    side * Math.floor(i / columns) + 1, side - 2, side - 2));
}

/** The loss and its two terms, by the encoder's q and now: { element, show(answer, now) }. */
function lossTable() {
  const names = ["reconstruction", "KL term", "sum, −ELBO"], cells = [];
  const rows = names.map((name, i) => {
    cells[i] = [h("td"), h("td")];
    return h("tr", {}, h("th", { scope: "row" }, name), ...cells[i]);
  });
  const heads = ["nats, q", "encoder's", "yours"].map((name) => h("th", { scope: "col" }, name));
  return {
    element: h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)),
    show: (...both) => both.forEach((terms, k) => terms.forEach((v, i) => {
      cells[i][k].textContent = write(v, 1);
    })),
  };
}

// --- the figure

class Posterior {
  constructor(model, el) {
    const a = unpack(model);
    Object.assign(this, { el, a, vae: vaeOf(a), held: null });
    this.mosaic = mosaicOf(this.vae.decode, ROWS, () => this.map.paint());
    this.build();
    this.listen();
    this.arrive(fromAddress("posterior") ?? new URLSearchParams());
  }

  // --- the page

  build() {
    const { el, a } = this;
    this.map = surface({ tabindex: 0, role: "application" }, 0.82, (...place) =>
      this.draw(...place));
    this.strip = surface({ role: "img" }, 4 / 3, (context, width, height) =>
      drawPictures(context, width, height, this.pictures));
    this.x = frame("x");
    this.loss = lossTable();
    this.sliders = ["s1", "s2"].map((key, k) => slider(`σ${"₁₂"[k]}`,
      { min: WIDTHS[0], max: WIDTHS[1], step: 0.01, value: -1, format: (v) => write(10 ** v) },
      (v) => {
        this.change({ [key]: 10 ** v });
        this.rest();
      }));
    const digits = Array.from(a.y, (digit) => [String(digit), an(digit)]);
    this.list = select("x is", digits, "", (digit) => {
      this.open({ digit: Number(digit), seed: this.state.seed });
      this.rest();
    });
    el.classList.add("live-figure", "posterior");
    el.append(
      h("p", { class: "live-note" }, "Drag the mean of q(z|x), or its squares: the noise ε of " +
        "the twelve draws is held still."),
      h("div", { class: "posterior-parts" }, h("div", {}, this.map.canvas),
        h("div", { class: "posterior-side" }, this.strip.canvas,
          h("div", { class: "posterior-loss" }, this.x.element, this.loss.element))),
      h("div", { class: "posterior-widths" }, ...this.sliders.map((s) => s.element)),
      this.controls());
    this.say = announcer(el);
  }

  controls() {
    const set = (name, to) => button(name, () => {
      to();
      this.rest();
    });
    return inLine(this.list.element,
      set("New ε", () => this.change({ seed: this.state.seed + 1 })),
      set("Encoder's q", () => this.open({ digit: this.state.digit, seed: this.state.seed })),
      set("Reset", () => this.open({})));
  }

  listen() {
    const { canvas } = this.map;
    followFinger(canvas, (px, py) => {
      this.held ??= this.grip(px, py);
      this.drag(px, py);
    }, () => {
      this.held = null;
      this.rest();
    });
    onArrows(canvas, (move) => {
      const [m1, m2] = move([this.state.m1, this.state.m2]);
      this.change({ m1, m2 });
      this.rest();
    });
    this.unfollow = followAddress("posterior", (said) => this.arrive(said));
  }

  /** What lies under a pointer: a square, or else the mean, which comes to it. */
  grip(px, py) {
    const handles = handlesOf(this.maps, this.state), { m1, m2 } = this.state;
    const far = ([u, v]) => Math.hypot(u - px, v - py);
    const mean = far([this.maps.x(m1), this.maps.y(m2)]);
    const near = far(handles.s1) < far(handles.s2) ? "s1" : "s2";
    return far(handles[near]) < Math.min(mean, 22) ? near : "mean";
  }

  drag(px, py) {
    const { x, y } = this.maps, { m1, m2 } = this.state;
    const wide = (v, middle) => Math.max(Math.abs(v - middle) - ARM, 0) / (x(1.5) - x(0));
    if (this.held === "mean") this.change({ m1: x.back(px), m2: y.back(py) });
    else this.change({ [this.held]: this.held === "s1" ? wide(px, x(m1)) : wide(py, y(m2)) });
  }

  // --- what happens

  /** The state that an address names, as #posterior?digit=3&s1=0.5&s2=0.5&seed=2. */
  arrive(said) {
    const digit = Number(said.get("digit")), seed = Math.round(numberIn(said, "seed", [1, 999], 1));
    this.open({ digit: said.has("digit") && digit in this.a.y ? digit : undefined, seed });
    const changed = CHANGES.filter((key) => said.has(key));
    this.change(Object.fromEntries(changed.map((key) =>
      [key, numberIn(said, key, BOUNDS[key], this.first[key])])));
    this.tell();
  }

  /** A digit as the encoder answers for it. */
  open({ digit = 7, seed = 1 }) {
    const row = this.a.y.indexOf(digit), [m1, m2] = this.a.code_mean.subarray(2 * row, 2 * row + 2);
    const [s1, s2] = this.a.code_log_var.subarray(2 * row, 2 * row + 2)
      .map((v) => Math.exp(v / 2));
    this.image = testImage(this.a, row);
    this.x.show(this.image, "x", `The test image x, ${an(digit)}`);
    this.list.list.value = String(digit);
    this.first = { digit: 7, seed: 1, m1, m2, s1, s2 };
    this.state = { ...this.first, digit, seed };
    this.change({ seed });
  }

  change(to) {
    const { state } = this;
    for (const [key, v] of Object.entries(to))
      state[key] = key in BOUNDS ? Math.min(Math.max(v, BOUNDS[key][0]), BOUNDS[key][1]) : v;
    if ("seed" in to) {
      const normal = normals(state.seed);
      this.noise = Array.from({ length: DRAWS }, normal);
      this.answer = this.drawn(this.first).terms;
    }
    this.sliders.forEach((s, k) => s.set(Math.log10([state.s1, state.s2][k])));
    Object.assign(this, this.drawn(state));
    this.loss.show(this.answer, this.terms);
    this.map.paint();
    this.strip.paint();
  }

  /** The draws from a q, their pictures, and the loss: the mean over them, and the KL term. */
  drawn({ m1, m2, s1, s2 }) {
    const { vae, image, noise } = this;
    const places = noise.map(([e1, e2]) => [m1 + s1 * e1, m2 + s2 * e2]);
    const logits = places.map((z) => vae.logits(z));
    const reconstruction = logits.reduce((sum, l) => sum + vae.reconstruction(image, l), 0) / DRAWS;
    const kl = vae.kl([m1, m2], [s1, s2].map((s) => 2 * Math.log(s)));
    return { places, pictures: logits.map((l) => l.map(sigmoid)),
             terms: [reconstruction, kl, reconstruction + kl] };
  }

  /** It has come to rest: say how it stands, and name it in the address. */
  rest() {
    toAddress("posterior", this.state, this.first);
    this.tell();
    const [reconstruction, kl, loss] = this.terms.map((v) => write(v, 1));
    this.say(`Reconstruction ${reconstruction}, KL term ${kl}, sum ${loss} nats`);
  }

  tell() {
    const { digit, m1, m2, s1, s2 } = this.state;
    const q = `mean ${writePoint([m1, m2])} and σ ${writePoint([s1, s2])}`;
    this.map.canvas.setAttribute("aria-label", `Latent plane with q(z|x) of ${an(digit)}: ${q}. ` +
      `The mean is moved here, the widths with the sliders. ${KEYS}`);
    this.strip.canvas.setAttribute("aria-label", `Twelve draws from q(z|x), decoded, at ${q}`);
  }

  end() {
    this.mosaic.end();
    this.unfollow();
  }

  // --- drawing

  draw(context, width, height) {
    const { a, state, places, noise } = this, maps = mapsOf(width, height, REACH), { x, y } = maps;
    this.maps = maps;
    this.mosaic.lay(context, maps);
    drawPrior(context, maps, [1.5]);
    planeAxes(context, maps);
    Array.from(a.y).forEach((digit, i) => {
      if (digit === state.digit) return;
      const colour = DIGIT_COLOURS[digit], at = (array) => array.subarray(2 * i, 2 * i + 2);
      const mean = at(a.code_mean), sd = at(a.code_log_var).map((v) => Math.exp(v / 2));
      drawEllipse(context, maps, mean, sd, ["white", 4], [colour, 2]);
      label(context, String(digit), x(mean[0] + 1.5 * sd[0]) + 8, y(mean[1]) - 8,
            { colour, size: 13 });
    });
    drawNoise(context, maps, noise);
    clipped(context, maps, () => {
      for (const z of places) drawDot(context, x(z[0]), y(z[1]), 3.5);
      drawHeld(context, maps, state);
    });
  }
}

export default {
  render({ model, el }) {
    const figure = new Posterior(model, el), { vae } = figure;
    el.live = { decode: vae.decode,
                state: () => ({ ...figure.state, noise: figure.noise, places: figure.places,
                                terms: figure.terms, answer: figure.answer }) };
    return () => figure.end();
  },
};
