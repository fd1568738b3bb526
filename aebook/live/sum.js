// Add it up: log p(x) as the sum over a grid, place by place under the reader's brush; below it the
// ELBO, between them the KL divergence of the encoder's answer, and an estimate from its draws.

const BRUSH = 0.25, SHADES = 12;  // in the plane's units; nats from blue to white
const HIGH = 14, ABOVE = 2;  // nats shown below log p, at least, and above
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const SEEN = 5;  // half of the plane that is shown

/** log of the sum of exp(list[i]) over the i that are `on`. */
function logSum(list, on = null) {
  let top = -Infinity, sum = 0;
  for (let i = 0; i < list.length; i++) if (!on || on[i]) top = Math.max(top, list[i]);
  for (let i = 0; i < list.length; i++) if (!on || on[i]) sum += Math.exp(list[i] - top);
  return top + Math.log(sum);
}

/** The encoder's answer as probabilities of the grid's points: their logarithms. */
function answer([m1, m2], [v1, v2], axis) {
  const one = (m, v) => axis.map((z) => -((z - m) ** 2) / Math.exp(v) / 2);
  const [across, up] = [one(m1, v1), one(m2, v2)];
  const logs = Float64Array.from({ length: axis.length ** 2 }, (_, i) =>
    across[i % axis.length] + up[Math.floor(i / axis.length)]);
  const total = logSum(logs);
  return logs.map((v) => v - total);
}

/** All that is known of one picture. joint: log p(x|z) p(z) of each point of the grid, with its
 *  area; q: the encoder's answer there. */
function problem(joint, q) {
  const logP = logSum(joint);
  let elbo = 0;
  for (let i = 0; i < q.length; i++)
    if (q[i] > -80) elbo += Math.exp(q[i]) * (joint[i] - q[i]);
  const running = new Float64Array(q.length);
  q.reduce((sum, v, i) => (running[i] = sum + Math.exp(v)), 0);
  return { joint, q, logP, elbo, running };
}

/** A point of the grid, drawn from q, for a u in [0, 1). */
function drawFrom({ running }, u) {
  let low = 0, high = running.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (running[middle] > u) high = middle;
    else low = middle + 1;
  }
  return low;
}

// --- what is drawn

/** The painted places as a picture, a pixel each: blue where much was added, white where little;
 *  what is not painted is left out. */
function drawPainted({ joint, logP }, painted, n, canvas) {
  const context = canvas.getContext("2d"), image = context.createImageData(n, n);
  for (let i = 0; i < joint.length; i++) {
    if (!painted[i]) continue;
    const light = Math.max(0, Math.min(1, (logP - joint[i] - 4) / SHADES));
    const at = 4 * ((n - 1 - Math.floor(i / n)) * n + i % n);
    [0, 114, 178].forEach((v, k) => { image.data[at + k] = v + (255 - v) * light; });
    image.data[at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function drawPlane(context, width, height, figure) {
  const { problem: p, painted, axis, mean, logVar, brush, draws, pixels } = figure;
  const left = 26, bottom = height - 22, up = SEEN * bottom / (width - left);
  const x = scale(-SEEN, SEEN, left, width), y = scale(-up, up, bottom, 0);
  context.fillStyle = PALE;
  context.fillRect(left, 0, width - left - 1, bottom);
  context.save();
  context.beginPath();
  context.rect(left, 0, width, bottom);
  context.clip();
  const edge = axis.at(-1) + (axis[1] - axis[0]) / 2;
  drawPainted(p, painted, axis.length, pixels);
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels, x(-edge), y(edge), x(edge) - x(-edge), y(-edge) - y(edge));
  spot(context, x, y, mean, logVar, "q");
  for (const i of draws.slice(-200)) {
    const dot = () => context.arc(x(axis[i % axis.length]), y(axis[Math.floor(i / axis.length)]), 2,
                                  0, 2 * Math.PI);
    strokes(context, dot, [GREEN, 1.5]);
  }
  const ring = () => context.arc(x(brush[0]), y(brush[1]), x(BRUSH) - x(0), 0, 2 * Math.PI);
  strokes(context, ring, ["white", 4], [RED, 2]);
  context.restore();
  axes(context, x, y, { xTicks: [-4, -2, 0, 2, 4], yTicks: [-2, 0, 2].filter((v) => v < up),
                        xName: "z₁", yName: "z₂", bottom, left, width });
  return { x, y };
}

/** A ruler in nats with what was added, the bound and the truth. */
function drawRuler(context, width, height, { problem: { logP, elbo }, sum, estimate }) {
  const high = Math.max(HIGH, 1.2 * (logP - elbo)), step = high > 40 ? 20 : high > 20 ? 10 : 5;
  const left = 44, y = scale(logP - high, logP + ABOVE, height - 6, 6);
  context.fillStyle = BLUE;
  const top = Math.min(y(Math.max(sum, logP - high - 1)), height);
  context.fillRect(left + 8, top, 34, height - top);
  context.fillStyle = RED;
  context.globalAlpha = 0.35;
  context.fillRect(left + 46, y(logP), 12, y(elbo) - y(logP));
  context.globalAlpha = 1;
  const mark = (v, text, colour, dash, lift) => {
    strokes(context, () => { context.moveTo(left, y(v)); context.lineTo(width, y(v)); },
            [colour, 2, dash]);
    label(context, text, width - 2, y(v) + lift, { colour, size: 12, align: "right", weight: "" });
  };
  mark(logP, "log p(x)", INK, [], -9);
  mark(elbo, "ELBO", RED, [6, 3], 9);
  if (estimate !== null) {
    const dot = () => context.arc(left + 25, Math.min(y(estimate), height - 6), 5, 0, 2 * Math.PI);
    strokes(context, dot, ["white", 4], [GREEN, 3]);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = GREY;
  context.font = "12px system-ui, sans-serif";
  for (let v = Math.ceil((logP - high) / step) * step; v < logP + ABOVE; v += step)
    context.fillText(write(v, 0), left - 4, y(v));
}

// --- the figure

class Sum {
  constructor(model, el) {
    const a = unpack(model), { n, box, tops, digits } = model.get("header").settings;
    const axis = Array.from({ length: n }, (_, i) => box * (2 * i / (n - 1) - 1));
    Object.assign(this, { el, a, n, tops, digits, axis, held: false, brush: [0, 0], draws: [],
                          pixels: h("canvas", { width: n, height: n }) });
    this.build();
    this.listen();
    this.arrive(fromAddress("sum") ?? new URLSearchParams());
  }

  build() {
    const { el } = this;
    this.plane = surface({ tabindex: 0, role: "application" }, 0.8, (...place) => {
      this.maps = drawPlane(...place, this);
    });
    this.ruler = surface({ role: "img" }, 1.3, (...place) => drawRuler(...place, this));
    this.picture = frame("x");
    this.cells = ["what you painted", "ELBO", "log p(x)", "gap"].map((name) => {
      const cell = h("td", {}, "–");
      return { row: h("tr", {}, h("th", { scope: "row" }, name), cell), cell };
    });
    this.note = h("p", { class: "live-note sum-note" });
    this.choice = select("picture", this.digits.map((d, i) => [String(i), an(d)]), "0",
                         (i) => this.open(Number(i)));
    el.classList.add("live-figure", "sum");
    el.append(
      h("p", { class: "live-note" }, "Paint the plane: every place adds its p(x|z) p(z) to the " +
        "sum. Where is the probability of x? Then let draws from q estimate it."),
      h("div", { class: "sum-parts" }, this.plane.canvas,
        h("div", { class: "sum-side" }, this.picture.element, this.ruler.canvas)),
      h("table", { class: "sum-numbers" }, h("tbody", {}, ...this.cells.map((c) => c.row))),
      this.note,
      inLine(this.choice.element, button("Paint all", () => this.paint(() => true)),
             button("One draw", () => this.drawMore(1)),
             button("100 draws", () => this.drawMore(100)),
             button("Reset", () => this.open(this.digit))));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.plane;
    followFinger(canvas, (x, y) => {
      this.held = true;
      this.paintAt([this.maps.x.back(x), this.maps.y.back(y)]);
    }, () => {
      this.held = false;
      this.tell();
    });
    canvas.addEventListener("keydown", (event) => {
      const move = ARROWS[event.key];
      if (!move) return;
      event.preventDefault();
      const far = event.shiftKey ? 1 : 0.25, inside = (v) => Math.max(-SEEN, Math.min(SEEN, v));
      this.paintAt(this.brush.map((v, k) => inside(v + far * move[k])));
      this.tell();
    });
    this.unfollow = followAddress("sum", (said) => this.arrive(said));
  }

  /** The picture that an address names, as #sum?digit=2. */
  arrive(said) {
    const digit = Number(said.get("digit") ?? 0);
    this.open(digit in this.tops ? digit : 0, false);
  }

  /** Another picture, or the same from the beginning. */
  open(digit, named = true) {
    const { a, n, axis, tops } = this, size = n * n;
    const joint = Float64Array.from(a.log_joint.subarray(digit * size, (digit + 1) * size),
                                    (v) => v + tops[digit]);
    const at = (array) => [...array.subarray(2 * digit, 2 * digit + 2)];
    this.mean = at(a.z_mean);
    this.logVar = at(a.z_log_var);
    Object.assign(this, { digit, problem: problem(joint, answer(this.mean, this.logVar, axis)),
                          painted: new Uint8Array(size), sum: -Infinity, draws: [], weights: [],
                          estimate: null, brush: [0, 0], uniform: uniforms(7 + digit) });
    this.choice.list.value = String(digit);
    const x = a.x.subarray(784 * digit, 784 * (digit + 1));
    this.picture.show(x, "x", `x, ${an(this.digits[digit])}`);
    this.show();
    this.tell();
    if (named) toAddress("sum", { digit }, { digit: 0 });
  }

  /** Paint the places for which inside(z1, z2). */
  paint(inside) {
    const { axis, painted, n } = this;
    for (let i = 0; i < painted.length; i++)
      if (inside(axis[i % n], axis[Math.floor(i / n)])) painted[i] = 1;
    this.sum = logSum(this.problem.joint, painted);
    this.show();
    if (!this.held) this.tell();
  }

  paintAt(brush) {
    this.brush = brush;
    this.paint((a, b) => Math.hypot(a - brush[0], b - brush[1]) < BRUSH);
  }

  /** Draws from q, each with its weight p(x, z) / q(z|x): the mean weight estimates p(x). */
  drawMore(count) {
    const { problem: p, draws, weights } = this;
    for (let k = 0; k < count; k++) {
      const i = drawFrom(p, this.uniform());
      draws.push(i);
      weights.push(p.joint[i] - p.q[i]);
    }
    this.estimate = logSum(weights) - Math.log(weights.length);
    this.show();
    this.tell();
  }

  show() {
    const { sum, problem: { logP, elbo }, estimate, draws } = this;
    const texts = [sum === -Infinity ? "nothing yet" : write(sum, 2),
                   ...[elbo, logP, logP - elbo].map((v) => write(v, 2))];
    texts.forEach((text, i) => { this.cells[i].cell.textContent = text; });
    this.note.textContent = estimate === null ? "No draws yet."
      : `${draws.length} draw${draws.length > 1 ? "s" : ""} from q estimate log p(x) as ` +
        `${write(estimate, 2)}.`;
    this.plane.paint();
    this.ruler.paint();
  }

  tell() {
    const { sum, brush, problem: { logP, elbo } } = this;
    const part = Math.round(100 * Math.exp(sum - logP));
    const share = sum > -Infinity
      ? `Painted: ${write(sum, 2)}, that is ${part} % of p(x).` : "Nothing is painted.";
    const known = `ELBO ${write(elbo, 2)}, log p(x) ${write(logP, 2)} nats.`;
    this.plane.canvas.setAttribute("aria-label", `Latent plane, brush at ${writePoint(brush)}. ` +
      `${share} The arrow keys move the brush and paint.`);
    this.ruler.canvas.setAttribute("aria-label", `In nats: ${share} ${known}`);
    this.say(`${share} ${known} ${this.note.textContent}`);
  }

  end() { this.unfollow(); }
}

export default {
  render({ model, el }) {
    const figure = new Sum(model, el);
    el.live = { state: () => ({ digit: figure.digit, sum: figure.sum, estimate: figure.estimate,
                                logP: figure.problem.logP, elbo: figure.problem.elbo,
                                draws: figure.draws, weights: figure.weights, brush: figure.brush,
                                painted: figure.painted.reduce((p, q) => p + q, 0) }) };
    return () => figure.end();
  },
};
