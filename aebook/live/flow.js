// The flow: points of noise carried by the chapter's learned velocity to where the aggregate
// posterior has its codes. In small steps, Euler's: between two of them a point goes straight on.

const UP = 3.9, TAIL = 0.08;  // half of the plane's height; how long in time a tail is
const MOST = 32, COUNTS = [1, 2, 4, 8, 16, MOST], DURATION = 4000;  // of a whole way, milliseconds
const AT_FIRST = { t: 0, steps: MOST, z1: -1, z2: 1 }, HUES = 24;
const BOUNDS = { t: [0, 1], z1: [-4.4, 4.4], z2: [-3.6, 3.6] };
const ARROWS = { ArrowLeft: ["z1", -1], ArrowRight: ["z1", 1], ArrowUp: ["z2", 1],
                 ArrowDown: ["z2", -1] };

// --- arithmetic

const silu = (v) => v / (1 + Math.exp(-v));

/** A dense layer on n rows at a time. */
function layer(h, n, { kernel, bias }) {
  const to = bias.length, from = h.length / n, y = new Float64Array(n * to);
  for (let i = 0; i < n; i++) {
    y.set(bias, i * to);
    for (let k = 0, at = 0; k < from; k++)
      for (let j = 0, v = h[i * from + k]; j < to; j++, at++) y[i * to + j] += v * kernel[at];
  }
  return y;
}

/** The learned velocity: a function of places [x, y, x, y, ...] and a time. */
function velocityOf(a) {
  const layers = [0, 1, 2, 3].map((i) =>
    ({ kernel: a[`field_${i}_kernel`], bias: a[`field_${i}_bias`] }));
  return (z, t) => {
    const n = z.length / 2;
    let h = Float64Array.from({ length: 3 * n }, (_, i) =>
      (i % 3 < 2 ? z[2 * Math.floor(i / 3) + i % 3] : t));
    layers.forEach((one, i) => {
      h = layer(h, n, one);
      if (i < 3) h = h.map(silu);
    });
    return h;
  };
}

/** The ways of some points in n Euler steps, made as far as they are asked for. */
class Ways {
  constructor(velocity, start, n) { Object.assign(this, { velocity, n, at: [start] }); }

  /** Where the points are after k steps. */
  after(k) {
    for (let i = this.at.length; i <= k; i++) {
      const v = this.velocity(this.at[i - 1], (i - 1) / this.n);
      this.at.push(this.at[i - 1].map((z, j) => z + v[j] / this.n));
    }
    return this.at[k];
  }

  /** Where they are at time t. */
  when(t) {
    const k = Math.min(Math.floor(t * this.n + 1e-9), this.n - 1), part = t * this.n - k;
    const [from, to] = [this.after(k), part > 1e-9 ? this.after(k + 1) : null];
    return to ? from.map((z, j) => z + part * (to[j] - z)) : from;
  }
}

// --- what is drawn

function drawArrows(context, x, y, velocity, t) {
  const places = [];
  for (let z2 = -3.2; z2 < 3.3; z2 += 0.8) for (let z1 = -4; z1 < 4.1; z1 += 0.8)
    places.push(z1, z2);
  const v = velocity(places, t), tips = () => {
    for (let i = 0; i < places.length; i += 2) {
      const [px, py] = [x(places[i]), y(places[i + 1])];
      const [dx, dy] = [x(0.16 * v[i]) - x(0), y(0.16 * v[i + 1]) - y(0)];
      const far = Math.hypot(dx, dy), head = Math.min(5, far) / (far || 1);
      context.moveTo(px, py);
      context.lineTo(px + dx, py + dy);
      for (const side of [-0.5, 0.5]) {
        context.moveTo(px + dx, py + dy);
        context.lineTo(px + dx - head * (dx - side * dy), py + dy - head * (dy + side * dx));
      }
    }
  };
  strokes(context, tips, ["#8d8d8d", 1.2]);
}

function dots(context, x, y, z, colour, radius) {
  context.fillStyle = colour;
  for (let i = 0; i < z.length; i += 2)
    context.fillRect(x(z[i]) - radius, y(z[i + 1]) - radius, 2 * radius, 2 * radius);
}

/** All points with their tails, in the colour of where they came from. */
function drawPoints(context, x, y, { hues, all, state: { t } }) {
  const now = all.when(t), before = all.when(Math.max(t - TAIL, 0));
  context.lineCap = "round";
  for (let hue = 0; hue < HUES; hue++) {
    const mine = hues[hue], colour = `hsl(${360 * hue / HUES} 75% 40%)`;
    const tails = () => {
      for (const i of mine) {
        context.moveTo(x(before[i]), y(before[i + 1]));
        context.lineTo(x(now[i]), y(now[i + 1]));
      }
    };
    context.globalAlpha = 0.35;
    strokes(context, tails, [colour, 1.5]);
    context.globalAlpha = 0.9;
    dots(context, x, y, mine.flatMap((i) => [now[i], now[i + 1]]), colour, 1.4);
  }
  context.globalAlpha = 1;
}

/** The reader's point: its start, its way in steps, and where it is. */
function drawWay(context, x, y, { mine, state: { t, steps } }) {
  const at = (z) => [x(z[0]), y(z[1])], here = at(mine.when(t));
  const way = () => {
    for (let k = 0; k <= steps; k++) context.lineTo(...at(mine.after(k)));
  };
  strokes(context, way, ["white", 5], [INK, 2]);
  context.fillStyle = INK;
  if (steps < MOST) for (let k = 1; k <= steps; k++) dots(context, x, y, mine.after(k), INK, 2.5);
  const ring = ([px, py], r) => () => context.arc(px, py, r, 0, 2 * Math.PI);
  strokes(context, ring(at(mine.after(0)), 8), ["white", 6], [INK, 2.5]);
  strokes(context, ring(here, 6), ["white", 5]);
  context.fillStyle = RED;
  context.fill();
  const [from, end] = [at(mine.after(0)), at(mine.when(1))];
  label(context, "noise", from[0], from[1] + (end[1] < from[1] ? 18 : -18), { size: 13 });
}

function drawPlane(context, width, height, figure) {
  const left = 26, bottom = height - 22, unit = bottom / (2 * UP);
  const across = (width - left) / (2 * unit);
  const x = scale(-across, across, left, width), y = scale(-UP, UP, bottom, 0);
  const { a, velocity, state: { t } } = figure;
  context.save();
  context.beginPath();
  context.rect(left, 0, width, bottom);
  context.clip();
  dots(context, x, y, a.crowd, "#cfcfcf", 1.4);
  if (figure.arrows.box.checked) drawArrows(context, x, y, velocity, t);
  drawPoints(context, x, y, figure);
  drawWay(context, x, y, figure);
  context.restore();
  axes(context, x, y, { xTicks: [-4, -2, 0, 2, 4], yTicks: [-2, 0, 2], xName: "z₁", yName: "z₂",
                        bottom, left, width });
  return { x, y };
}

// --- the figure

class Flow {
  constructor(model, el) {
    const a = unpack(model), velocity = velocityOf(a);
    Object.assign(this, { a, velocity, el, frame: 0, state: { ...AT_FIRST } });
    this.decode = (z) => networkOf(a, "decoding", "logits")([...z]).map(sigmoid);
    this.hues = Array.from({ length: HUES }, () => []);
    for (let i = 0; i < a.noise.length; i += 2) {
      const turn = Math.atan2(a.noise[i + 1], a.noise[i]) / (2 * Math.PI) + 1;
      this.hues[Math.floor(HUES * (turn % 1)) % HUES].push(i);
    }
    this.build();
    this.listen();
    this.open(fromAddress("flow") ?? new URLSearchParams(), false);
  }

  build() {
    const { el } = this;
    this.plane = surface({ tabindex: 0, role: "application" }, 0.8, (...place) => {
      this.maps = drawPlane(...place, this);
    });
    this.frames = [frame("noise"), frame("at t = 0")];
    this.time = slider("time t", { min: 0, max: 1, step: 0.01, value: 0 },
                       (t) => this.change({ t }));
    this.count = select("Euler steps", COUNTS.map((n) => [String(n), String(n)]), String(MOST),
                        (n) => this.change({ steps: Number(n) }));
    this.play = button("", () => this.playOrStop());
    this.arrows = checkbox("arrows", true, () => this.plane.paint());
    this.note = h("p", { class: "live-note scene-note" });
    el.classList.add("live-figure", "scene", "flow");
    el.append(
      h("p", { class: "live-note" }, "Press Play: the learned velocity carries noise to the " +
        "codes (grey). Drag the ring to start from other noise, and take fewer steps."),
      h("div", { class: "flow-parts" }, this.plane.canvas,
        h("div", { class: "flow-side" }, ...this.frames.map((one) => one.element))),
      this.note, this.time.element,
      inLine(this.play, this.count.element, this.arrows.element,
             button("Reset", () => this.open(new URLSearchParams()))));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.plane;
    followFinger(canvas, (px, py) => {
      const { x, y } = this.maps;
      this.held = true;
      this.change({ z1: x.back(px), z2: y.back(py) });
    }, () => {
      this.held = false;
      this.rest();
    });
    canvas.addEventListener("keydown", (event) => {
      const [key, by] = ARROWS[event.key] ?? [];
      if (!key) return;
      event.preventDefault();
      this.change({ [key]: this.state[key] + by * (event.shiftKey ? 0.5 : 0.1) });
    });
    this.follow = followAddress("flow", (said) => this.open(said, false));
  }

  /** Another state, from the beginning. */
  open(said, named = true) {
    const state = { ...AT_FIRST };
    for (const key in BOUNDS) state[key] = numberIn(said, key, BOUNDS[key], AT_FIRST[key]);
    const steps = Number(said.get("steps"));
    if (COUNTS.includes(steps)) state.steps = steps;
    this.all = null;
    this.change(state, named);
    if (said.get("play") !== null) this.playOrStop();
  }

  /** Something is different: a time, a number of steps, a place to start from. */
  change(to, named = true) {
    this.stop();
    this.set(to);
    if (!this.held) this.rest(named);
  }

  set(to) {
    const { state, velocity, a } = this;
    for (const [key, v] of Object.entries(to))
      state[key] = key in BOUNDS ? Math.min(Math.max(v, BOUNDS[key][0]), BOUNDS[key][1]) : v;
    const { steps, t, z1, z2 } = state, start = Float64Array.of(z1, z2);
    if (this.all?.n !== steps) this.all = new Ways(velocity, Float64Array.from(a.noise), steps);
    this.mine = new Ways(velocity, start, steps);
    this.best = new Ways(velocity, start, MOST).when(1);
    this.time.set(t);
    this.count.list.value = String(steps);
    this.frames[0].show(this.decode(start), "noise", "What the noise itself decodes to");
    const now = this.mine.when(t), says = `at t = ${write(t)}`;
    this.frames[1].show(this.decode(now), says, `What the point decodes to ${says}`);
    this.note.textContent = this.verdict();
    this.plane.paint();
  }

  /** Where the reader's point ends, and how far from where many steps take it. */
  verdict() {
    const { steps } = this.state, end = this.mine.when(1);
    const goes = `From ${writePoint([this.state.z1, this.state.z2], 1)} to ${writePoint(end)}`;
    if (steps === MOST) return `${goes} in ${MOST} steps.`;
    const off = Math.hypot(end[0] - this.best[0], end[1] - this.best[1]);
    return `${goes} in ${steps} step${steps > 1 ? "s" : ""}: ${write(off)} from where ${MOST} ` +
      "steps end.";
  }

  /** Play the way from where it is; step by step where motion is reduced. */
  playOrStop() {
    if (this.frame) {
      this.change({});
      return;
    }
    const { t, steps } = this.state, from = t >= 1 ? 0 : t;
    if (reducedMotion()) {
      const by = Math.min(steps, 8);
      this.change({ t: t >= 1 ? 0 : Math.min(1, (Math.floor(t * by + 1e-9) + 1) / by) });
      return;
    }
    const start = performance.now();
    const go = (time) => {
      const to = Math.min(1, from + Math.max(0, time - start) / DURATION);
      this.frame = to < 1 ? requestAnimationFrame(go) : 0;
      this.set({ t: to });
      if (!this.frame) this.change({});
    };
    this.frame = requestAnimationFrame(go);
    this.play.textContent = "Stop";
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.play.textContent = reducedMotion() ? "Step" : "Play";
  }

  /** Say how it stands, and name it in the address. */
  rest(named = true) {
    const { t, z1, z2 } = this.state, now = writePoint(this.mine.when(t));
    const stands = `t = ${write(t)}. Noise at ${writePoint([z1, z2])}, the point now at ${now}.`;
    this.plane.canvas.setAttribute("aria-label", "Latent plane with the codes and the points " +
      `that flow. ${stands} The arrow keys move the noise.`);
    this.say(`${stands} ${this.note.textContent}`);
    if (named) toAddress("flow", this.state, AT_FIRST);
  }

  end() {
    this.stop();
    this.follow();
  }
}

export default {
  render({ model, el }) {
    const figure = new Flow(model, el), { velocity } = figure;
    const ends = (z, n) => new Ways(velocity, Float64Array.from(z), n).when(1);
    el.live = { velocity, ends, decode: figure.decode,
                state: () => ({ ...figure.state, playing: figure.frame > 0,
                                now: figure.mine.when(figure.state.t) }) };
    return () => figure.end();
  },
};
