// The latent explorer: decode at any point of the plane, and travel from one test digit to another.

// The quantiles of N(0, 1) at 0.05, 0.20, ..., 0.95: the chapter's grid.
const QUANTILES = [-1.6448536, -0.8416212, -0.3853205, 0, 0.3853205, 0.8416212, 1.6448536];
const STEPS = 8, START = [2, -0.5];  // START: among the zeros
const DURATION = 4000;  // of the way from A to B, in milliseconds
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// --- what is drawn over the plane

/** What the decoder makes of the grid: [[z1, z2, picture], ...]. */
const decodedGrid = (vae) =>
  QUANTILES.flatMap((z2) => QUANTILES.map((z1) => [z1, z2, bitmap(vae.decode([z1, z2]))]));

function drawGrid(context, x, y, grid) {
  const size = Math.max(x(0.3853) - x(0) - 1, 12);
  for (const [z1, z2, picture] of grid) {
    const corner = [x(z1) - size / 2, y(z2) - size / 2];
    context.drawImage(picture, ...corner, size, size);
    context.strokeStyle = PALE;
    context.lineWidth = 1;
    context.strokeRect(...corner, size, size);
  }
}

/** The way from A to B, and the spot of each. */
function drawEnds(context, x, y, { A, B }) {
  const way = () => {
    context.moveTo(x(A.mean[0]), y(A.mean[1]));
    context.lineTo(x(B.mean[0]), y(B.mean[1]));
  };
  strokes(context, way, ["white", 4], [INK, 2, [5, 4]]);
  spot(context, x, y, A.mean, A.logVar, "A");
  spot(context, x, y, B.mean, B.logVar, "B");
}

/** Where the decoder is asked: a ring with four hairs. */
function drawPoint(context, px, py) {
  const ring = () => {
    context.arc(px, py, 9, 0, 2 * Math.PI);
    for (const [dx, dy] of Object.values(ARROWS)) {
      context.moveTo(px + 4 * dx, py + 4 * dy);
      context.lineTo(px + 14 * dx, py + 14 * dy);
    }
  };
  strokes(context, ring, ["white", 6], [RED, 2.5]);
}

// --- the figure

class Explorer {
  constructor(model, el) {
    this.a = unpack(model);
    this.vae = vaeOf(this.a);
    this.images = imagesByDigit(this.a);
    this.ends = { A: this.codeOf(this.images[7][0]), B: this.codeOf(this.images[3][0]) };
    this.z = START;
    this.t = null;  // how far on the way from A to B, where the point is on it
    this.frame = 0;  // of the animation, 0 where nothing is played
    this.classes = new Set(Array(10).keys());
    this.grid = false;
    this.map = plane(this.a, { tabindex: 0, role: "application" }, this.classes,
                     (context, x, y) => this.draw(context, x, y));
    this.listen();
    this.decoded = frame("decoded");
    this.pictures = { A: frame("A"), B: frame("B") };
    this.nearest = h("p", { class: "live-note" });
    el.classList.add("live-figure");
    el.append(this.views(), this.nearest, this.whereToDecode(), this.whatToShow(), this.theWay());
    this.say = announcer(el);
    this.namePlay();
    this.show("A");
    this.show("B");
    this.decodeAt(START);
  }

  /** Test image i: its digit, and its code. */
  codeOf(i) {
    const { a } = this, row = a.image_row[i];
    const cut = (array) => [...array.subarray(2 * row, 2 * row + 2)];
    return { i, digit: a.code_y[row], mean: cut(a.code_mean), logVar: cut(a.code_log_var) };
  }

  draw(context, x, y) {
    if (this.grid) {
      this.thumbnails ??= decodedGrid(this.vae);
      drawGrid(context, x, y, this.thumbnails);
    }
    drawEnds(context, x, y, this.ends);
    drawPoint(context, x(this.z[0]), y(this.z[1]));
  }

  /** The plane follows the pointer while it is pressed, and the arrow keys. */
  listen() {
    const { map } = this, { canvas } = map;
    const follow = (event) => {
      const box = canvas.getBoundingClientRect();
      this.moveTo([map.x.back(event.clientX - box.left), map.y.back(event.clientY - box.top)]);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) follow(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.5 : 0.1, by = ARROWS[event.key];
      if (!by && event.key !== "Home") return;
      event.preventDefault();
      this.moveTo(by ? this.z.map((v, k) => v + step * by[k]) : [0, 0]);
    });
  }

  // --- pictures and controls

  views() {
    const { decoded, pictures } = this;
    return h("div", { class: "live-row" },
      h("div", { class: "live-main" }, this.map.canvas),
      h("div", { class: "live-side" }, decoded.element, pictures.A.element, pictures.B.element));
  }

  whereToDecode() {
    const bounds = { min: -this.map.reach, max: this.map.reach, step: 0.01, value: 0 };
    this.sliders = [0, 1].map((k) => slider(`z${"₁₂"[k]}`, bounds,
      (v) => this.moveTo(k ? [this.z[0], v] : [v, this.z[1]])));
    return group("Where to decode", ...this.sliders.map((s) => s.element));
  }

  whatToShow() {
    const boxes = this.images.map((_, digit) => checkbox(String(digit), true, (on) => {
      if (on) this.classes.add(digit);
      else this.classes.delete(digit);
      this.map.paint();
      this.say(`${this.classes.size} of 10 digits shown`);
    }));
    const all = (on) => {
      boxes.forEach(({ box }) => { if (box.checked !== on) box.click(); });
    };
    const grid = checkbox("the 7 × 7 grid, decoded", false, (on) => {
      this.grid = on;
      this.map.paint();
      this.say(on ? "Grid shown: 49 places of equal prior mass between them" : "Grid hidden");
    });
    return group("Test digits in the plane", inLine(...boxes.map((b) => b.element)),
      inLine(button("all", () => all(true)), button("none", () => all(false)), grid.element));
  }

  theWay() {
    this.way = slider("way from A to B", { min: 0, max: 1, step: 0.01, value: 0 }, (v) => {
      this.stop();
      this.travel(v);
    });
    this.play = button("", () => this.playOrStop());
    return group("From one test digit to another", inLine(this.chooser("A"), this.chooser("B")),
      this.way.element, inLine(this.play));
  }

  /** A list of digits for one end, and a button for the next picture of that digit. */
  chooser(name) {
    const { ends, images } = this;
    const pick = (i) => {
      ends[name] = this.codeOf(i);
      this.show(name);
      this.travel(name === "A" ? 0 : 1);
    };
    const digits = images.map((_, digit) => [String(digit), an(digit)]);
    const list = select(`${name} is`, digits, String(ends[name].digit), (v) => pick(images[v][0]));
    const another = button(`another ${name}`, () => {
      const mine = images[ends[name].digit];
      pick(mine[(mine.indexOf(ends[name].i) + 1) % mine.length]);
    });
    return inLine(list.element, another);
  }

  // --- what happens

  moveTo(to) {
    const { reach } = this.map;
    this.stop();
    this.t = null;
    this.decodeAt(to.map((v) => Math.min(Math.max(v, -reach), reach)));
  }

  travel(to) {
    const { A, B } = this.ends;
    this.t = to;
    this.way.set(to);
    this.decodeAt(A.mean.map((m, k) => (1 - to) * m + to * B.mean[k]));
  }

  /** Play the way from where the point is on it, or stop; step by step where motion is reduced. */
  playOrStop() {
    if (this.frame) {
      this.stop();
      return;
    }
    const from = this.t === null || this.t >= 1 ? null : this.t;
    if (reducedMotion()) {
      this.travel(from === null ? 0 : Math.min(1, (Math.floor(from * STEPS) + 1) / STEPS));
      return;
    }
    const start = performance.now();
    const go = (time) => {
      this.travel(Math.min(1, (from ?? 0) + Math.max(0, time - start) / DURATION));
      this.frame = this.t < 1 ? requestAnimationFrame(go) : 0;
      this.namePlay();
    };
    this.frame = requestAnimationFrame(go);
    this.namePlay();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.namePlay();
  }

  namePlay() {
    this.play.textContent = reducedMotion() ? "Step" : this.frame ? "Stop" : "Play";
  }

  decodeAt(to) {
    this.z = to;
    this.sliders.forEach((s, k) => s.set(to[k]));
    const counts = neighbours(this.a, to), near = writeNeighbours(counts), at = writePoint(to);
    const where = `decoded at z = ${at}`;
    this.decoded.show(this.vae.decode(to), where, `Picture ${where}, among ${counts[0][0]}s`);
    this.nearest.textContent = near;
    this.map.canvas.setAttribute("aria-label", `Latent plane. The point is at z = ${at}. ` +
      "Arrow keys move it by 0.1, with Shift by 0.5; Home goes to 0.");
    this.map.paint();
    this.say(`z = ${at}. ${near}`);
  }

  /** Show the picture of A or of B. */
  show(which) {
    const { i, digit, logVar } = this.ends[which];
    const sigma = writePoint(logVar.map((v) => Math.exp(v / 2)));
    const says = `${which}: test image, ${an(digit)}; σ = ${sigma}`;
    this.pictures[which].show(testImage(this.a, i), says);
    this.map.paint();
  }
}

export default {
  render({ model, el }) {
    const figure = new Explorer(model, el), { a, vae, ends } = figure;
    el.live = { ...vae, neighbours: (at) => neighbours(a, at), where: () => figure.z, ends,
                moveTo: (to) => figure.moveTo(to) };
  },
};
