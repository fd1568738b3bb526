// Two arrows: a code becomes a picture, and the picture a label. The picture in the middle comes
// from the decoder, from the test set, or from the reader's pen.

const START = [-0.6, 1.3], STEP = 0.1;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Logits as probabilities. */
function softmax(logits) {
  const top = Math.max(...logits), parts = Array.from(logits, (l) => Math.exp(l - top));
  const total = parts.reduce((p, q) => p + q);
  return parts.map((v) => v / total);
}

/** Where the decoder is asked: a ring. */
function drawRing(context, x, y, z) {
  const ring = () => context.arc(x(z[0]), y(z[1]), 8, 0, 2 * Math.PI);
  strokes(context, ring, ["white", 6], [RED, 3]);
}

/** p(y|x): a bar for each label, the longest in ink. */
function drawLabels(context, width, height, p) {
  const high = height / 10, best = p ? p.indexOf(Math.max(...p)) : -1;
  const across = scale(0, 1, 22, width - 44);
  for (let k = 0; k < 10; k++) {
    const y = k * high, middle = y + high / 2, own = k === best;
    label(context, String(k), 8, middle, { size: 13, weight: own ? "bold" : "" });
    context.fillStyle = PALE;
    context.fillRect(22, y + 3, across(1) - 22, high - 6);
    if (!p) continue;
    context.fillStyle = own ? BLUE : GREY;
    context.fillRect(22, y + 3, across(p[k]) - 22, high - 6);
    label(context, `${write(100 * p[k], 0)} %`, width - 1, middle,
          { align: "right", size: 12, weight: own ? "bold" : "" });
  }
}

class Arrows {
  constructor(model, el) {
    const a = unpack(model), [decode, classify] = [networkOf(a, "decoding", "logits"),
                                                   networkOf(a, "hidden", "label")];
    Object.assign(this, { a, el, z: START, turn: Array(10).fill(0), asked: [],
                          decode: (z) => decode([...z]).map(sigmoid),
                          classify: (x) => softmax(classify(x)) });
    this.build();
    this.listen();
    this.open(fromAddress("arrows") ?? new URLSearchParams(), false);
  }

  // --- the page

  build() {
    const { a, el } = this, classes = new Set(Array(10).keys());
    this.map = plane(a, { tabindex: 0, role: "application" }, classes, (context, x, y) => {
      if (this.z) drawRing(context, x, y, this.z);
    });
    this.paper = paperToDrawOn(["draw here"], () => this.own());
    this.labels = surface({ role: "img" }, 1, (...place) => drawLabels(...place, this.p));
    const part = (canvas) => {
      const text = h("figcaption");
      return { element: h("figure", { class: "live-frame" }, canvas, text), text };
    };
    this.parts = [this.map.canvas, this.paper.surface.canvas, this.labels.canvas].map(part);
    const arrow = (name) => h("div", { class: "arrows-arrow" }, h("span", {}, name),
                              h("span", { "aria-hidden": "true" }, "⟶"));
    const [left, middle, right] = this.parts.map((one) => one.element);
    el.classList.add("live-figure", "scene", "arrows");
    el.append(
      h("p", { class: "live-note" }, "Drag the ring: the decoder makes a picture of the code, " +
        "and the classifier reads it. Or draw on the picture yourself. Or ask for a label."),
      h("div", { class: "arrows-parts" }, left, arrow("decoder"), middle, arrow("classifier"),
        right),
      inLine(h("span", {}, "Draw me a"), ...classesAsButtons((digit) => this.ask(digit))),
      inLine(button("Test digit", () => this.showTest((this.test ?? -1) + 1)),
             button("Clear", () => this.clear()),
             button("Reset", () => this.open(new URLSearchParams()))));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.map;
    followFinger(canvas, (px, py) => this.moveTo([this.map.x.back(px), this.map.y.back(py)]),
                 () => this.rest());
    canvas.addEventListener("keydown", (event) => {
      const by = MOVES[event.key];
      if (!by) return;
      event.preventDefault();
      const far = STEP * (event.shiftKey ? 5 : 1), from = this.z ?? START;
      this.moveTo(from.map((v, k) => v + far * by[k]));
      this.rest();
    });
    this.follow = followAddress("arrows", (said) => this.open(said, false));
  }

  // --- what happens

  open(said, named = true) {
    const { reach } = this.map, asked = numberIn(said, "label", [0, 9], null);
    if (asked !== null) return this.ask(Math.round(asked));
    this.turn.fill(0);
    const digit = numberIn(said, "test", [0, 9], null);
    if (digit !== null) return this.showTest(Math.round(digit), named);
    this.moveTo([0, 1].map((k) => numberIn(said, `z${k + 1}`, [-reach, reach], START[k])));
    return this.rest(named);
  }

  /** The decoder is asked at z. */
  moveTo(z) {
    const { reach } = this.map;
    this.z = z.map((v) => Math.min(Math.max(v, -reach), reach));
    this.test = null;
    this.show(this.decode(this.z), "picture x*, decoded");
    this.paper.show(this.x);
  }

  /** A code of a test digit with this label: another one each time. */
  ask(digit) {
    const mine = (this.asked[digit] ??= this.codesOf(digit));
    this.moveTo(mine[this.turn[digit]++ % mine.length]);
    this.rest();
  }

  /** The codes of test digits with this label that decode to what is read so; else all of them. */
  codesOf(digit) {
    const { a } = this, all = [...a.code_y.keys()].filter((i) => a.code_y[i] === digit)
      .map((i) => [...a.code_mean.subarray(2 * i, 2 * i + 2)]);
    const read = all.filter((z) => {
      const p = this.classify(this.decode(z));
      return p.indexOf(Math.max(...p)) === digit;
    });
    return read.length ? read : all;
  }

  showTest(digit, named = true) {
    this.test = digit % 10;
    this.z = null;
    const x = this.a.pictures.subarray(784 * this.test, 784 * (this.test + 1));
    this.show(x.map((v) => v / 255), "picture x, of the test set");
    this.paper.show(this.x);
    this.rest(named);
  }

  clear() {
    this.paper.clear();
    this.own();
    this.rest();
  }

  /** The reader's own picture. */
  own() {
    this.z = this.test = null;
    this.show(pictureOf(this.paper.strokes), "picture x, your own");
    this.say(this.reading());
  }

  show(x, says) {
    const [code, picture, answer] = this.parts;
    this.x = x;
    this.p = x && this.classify(x);
    code.text.textContent = this.z ? `code z = ${writePoint(this.z)}` : "code z: none";
    picture.text.textContent = x ? says : "picture x: draw it";
    answer.text.textContent = this.p ? `label y = ${this.p.indexOf(Math.max(...this.p))}`
      : "label y: none";
    this.map.paint();
    this.labels.paint();
  }

  reading() {
    if (!this.p) return "Nothing to read.";
    const order = [...this.p.keys()].sort((i, j) => this.p[j] - this.p[i]).slice(0, 3);
    return `The classifier reads ${order.map((k) =>
      `${k} with ${write(100 * this.p[k], 0)} %`).join(", ")}.`;
  }

  /** Say how it stands, and name it in the address. */
  rest(named = true) {
    const [code, picture] = this.parts.map((one) => one.text.textContent), says = this.reading();
    this.map.canvas.setAttribute("aria-label", `Latent plane with codes of test digits; ${code}. ` +
      "The arrow keys move the code.");
    this.paper.surface.canvas.setAttribute("aria-label", `Paper to draw on. It shows a ${picture}`);
    this.labels.canvas.setAttribute("aria-label", says);
    this.say(`${code}. ${says}`);
    const state = this.test !== null ? { test: this.test } : this.z
      ? { z1: this.z[0], z2: this.z[1] } : {};
    if (named) toAddress("arrows", state, { z1: START[0], z2: START[1] });
  }

  end() { this.follow(); }
}

const classesAsButtons = (click) => Array.from({ length: 10 }, (_, digit) =>
  button(String(digit), () => click(digit)));

export default {
  render({ model, el }) {
    const figure = new Arrows(model, el);
    el.live = { decode: figure.decode, classify: figure.classify,
                state: () => ({ z: figure.z, x: figure.x, p: figure.p, test: figure.test }) };
    return () => figure.end();
  },
};
