// Average a crowd: choose which portraits are averaged, and see what stays sharp and what does not.

const SIDE_OF_FACE = 32, PER_ROW = 8;
const SETS = { one: "one face, 64 backgrounds", many: "64 faces, 64 backgrounds" };
const AT_FIRST = { set: "one", faces: "1" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Mean squared difference of neighbouring pixels, both in the region. */
function sharpness(x, region) {
  let sum = 0, pairs = 0;
  for (let i = 0; i < x.length; i++) {
    if (!region[i]) continue;
    const across = (i + 1) % SIDE_OF_FACE ? i + 1 : -1, down = i + SIDE_OF_FACE;
    for (const j of [across, down]) {
      if (j < 0 || j >= x.length || !region[j]) continue;
      sum += (x[i] - x[j]) ** 2;
      pairs += 1;
    }
  }
  return sum / pairs;
}

/** The mean of pictures. */
const meanOf = (pictures) => pictures[0].map((_, i) =>
  pictures.reduce((sum, x) => sum + x[i], 0) / pictures.length);

/** The places of an address: "5" the first five, "2,7,9" these. */
function chosenIn(text, n) {
  const list = text.split(",").map(Number).filter((v) => Number.isInteger(v) && v >= 0);
  if (!text.includes(",")) return new Set(Array(Math.min(Math.max(list[0] ?? 1, 1), n)).keys());
  const inside = list.filter((v) => v < n);
  return new Set(inside.length ? inside : [0]);
}

/** A set of places as an address has it. */
function written(chosen) {
  const list = [...chosen].sort((p, q) => p - q);
  if (list.every((v, i) => v === i)) return String(list.length);
  return list.length > 1 ? list.join(",") : `${list[0]},`;
}

// --- what is drawn

function drawCrowd(context, width, height, { pictures, chosen, cursor, showsCursor }) {
  const rows = Math.ceil(pictures.length / PER_ROW);
  const side = Math.min(width / PER_ROW, height / rows);
  context.imageSmoothingEnabled = false;
  pictures.forEach(({ canvas }, i) => {
    const x = (i % PER_ROW) * side, y = Math.floor(i / PER_ROW) * side, on = chosen.has(i);
    context.globalAlpha = on ? 1 : 0.25;
    context.drawImage(canvas, x + 2, y + 2, side - 4, side - 4);
    context.globalAlpha = 1;
    context.strokeStyle = on ? BLUE : "white";
    context.lineWidth = 2.5;
    context.strokeRect(x + 1.5, y + 1.5, side - 3, side - 3);
    if (!showsCursor || i !== cursor) return;
    context.strokeStyle = RED;
    context.setLineDash([4, 3]);
    context.strokeRect(x + 3, y + 3, side - 6, side - 6);
    context.setLineDash([]);
  });
  return { side };
}

/** How much of the sharpness is left, in the face and behind it: two bars. */
function drawBars(context, width, height, { kept }) {
  const names = ["in the face", "behind it"], high = height / 2;
  kept.forEach((share, i) => {
    const y = i * high, across = scale(0, 1, 0, width - 46);
    label(context, names[i], 0, y + 9, { align: "left", size: 12, weight: "", colour: INK });
    context.fillStyle = PALE;
    context.fillRect(0, y + 18, across(1), high - 24);
    context.fillStyle = i ? RED : BLUE;
    context.fillRect(0, y + 18, across(Math.min(share, 1)), high - 24);
    label(context, `${write(100 * share, share < 0.095 ? 1 : 0)} %`, width - 1,
          y + 18 + (high - 24) / 2, { align: "right", size: 13 });
  });
}

// --- the figure

class Crowd {
  constructor(model, el) {
    const a = unpack(model), size = SIDE_OF_FACE ** 2, n = a.pictures.length / (2 * size);
    this.sets = Object.fromEntries(Object.keys(SETS).map((name, k) => {
      const region = (array) => array.subarray(k * size, (k + 1) * size);
      const pictures = Array.from({ length: n }, (_, i) => {
        const at = (k * n + i) * size, x = a.pictures.subarray(at, at + size).map((v) => v / 255);
        return { x, canvas: bitmap(x, SIDE_OF_FACE) };
      });
      const regions = [region(a.inside), region(a.outside)];
      const single = regions.map((one) =>
        pictures.reduce((sum, { x }) => sum + sharpness(x, one), 0) / n);
      return [name, { pictures, regions, single }];
    }));
    Object.assign(this, { el, n, cursor: 0, showsCursor: false });
    this.build();
    this.listen();
    this.open(fromAddress("crowd") ?? new URLSearchParams(), false);
  }

  build() {
    const { el, n } = this;
    this.crowd = surface({ tabindex: 0, role: "application" }, 1, (...place) => {
      this.maps = drawCrowd(...place, this);
    });
    this.mean = surface({ role: "img" }, 1, (context, width) => {
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmap(this.average, SIDE_OF_FACE), 0, 0, width, width);
    });
    this.bars = surface({ role: "img" }, 0.4, (...place) => drawBars(...place, this), 84);
    this.count = slider("how many", { min: 1, max: n, step: 1, value: 1, format: (v) => String(v) },
                        (v) => this.choose(chosenIn(String(v), n)));
    this.set = select("crowd", Object.entries(SETS), "one", (set) => {
      this.name = set;
      this.choose(this.chosen);
    });
    this.note = h("p", { class: "live-note scene-note" });
    const title = (text) => h("p", { class: "live-title" }, text);
    el.classList.add("live-figure", "scene", "crowd");
    el.append(
      h("p", { class: "live-note" }, "Average more and more portraits with the slider, or tap " +
        "those that you want. What stays sharp, and what turns to fog?"),
      h("div", { class: "crowd-parts" }, this.crowd.canvas,
        h("div", { class: "crowd-side" }, title("their mean"), this.mean.canvas,
          title("sharpness kept"), this.bars.canvas)),
      this.note, this.count.element,
      inLine(this.set.element, button("Reset", () => this.open(new URLSearchParams()))));
    this.say = announcer(el);
  }

  listen() {
    const { canvas } = this.crowd;
    let adds = null, last = null;
    followFinger(canvas, (px, py) => {
      const column = Math.min(Math.max(Math.floor(px / this.maps.side), 0), PER_ROW - 1);
      const at = Math.floor(py / this.maps.side) * PER_ROW + column;
      if (at === last || at < 0 || at >= this.n) return;
      adds ??= !this.chosen.has(at);
      last = this.cursor = at;
      this.toggle(at, adds);
    }, () => { adds = last = null; });
    canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = ARROWS[event.key] ?? [];
      if (dx === undefined && event.key !== " ") return;
      event.preventDefault();
      this.showsCursor = true;
      if (event.key === " ") this.toggle(this.cursor, !this.chosen.has(this.cursor));
      else this.moveCursor(dx, dy);
    });
    this.follow = followAddress("crowd", (said) => this.open(said, false));
  }

  moveCursor(dx, dy) {
    const next = this.cursor + dx + PER_ROW * dy;
    if (next >= 0 && next < this.n) this.cursor = next;
    this.crowd.paint();
    this.say(`Portrait ${this.cursor + 1}, ${this.chosen.has(this.cursor) ? "" : "not "}chosen`);
  }

  toggle(at, adds) {
    const chosen = new Set(this.chosen);
    if (adds) chosen.add(at);
    else chosen.delete(at);
    if (chosen.size) this.choose(chosen);
  }

  open(said, named = true) {
    this.name = said.get("set") in SETS ? said.get("set") : AT_FIRST.set;
    this.choose(chosenIn(said.get("faces") ?? AT_FIRST.faces, this.n), named);
  }

  /** Average these. */
  choose(chosen, named = true) {
    const { pictures, regions, single } = this.sets[this.name];
    Object.assign(this, { chosen, pictures });
    this.average = meanOf([...chosen].map((i) => pictures[i].x));
    this.kept = regions.map((one, i) => sharpness(this.average, one) / single[i]);
    this.set.list.value = this.name;
    this.count.set(chosen.size);
    for (const part of [this.crowd, this.mean, this.bars]) part.paint();
    this.tell();
    if (named) toAddress("crowd", { set: this.name, faces: written(chosen) }, AT_FIRST);
  }

  tell() {
    const count = this.chosen.size, [inside, outside] = this.kept.map((v) =>
      `${write(100 * v, v < 0.095 ? 1 : 0)} %`);
    const crowd = count > 1 ? `Mean of ${count} portraits` : "One portrait by itself";
    this.note.textContent = `${crowd}: ${inside} of the usual sharpness in the face, ` +
      `${outside} behind it.`;
    this.crowd.canvas.setAttribute("aria-label", `${this.n} portraits, ${count} of them chosen. ` +
      "The arrow keys go from one to the next, the space bar chooses it.");
    this.mean.canvas.setAttribute("aria-label", crowd);
    this.bars.canvas.setAttribute("aria-label", this.note.textContent);
    this.say(this.note.textContent);
  }

  end() { this.follow(); }
}

export default {
  render({ model, el }) {
    const figure = new Crowd(model, el);
    el.live = { sharpness,
                state: () => ({ set: figure.name, chosen: [...figure.chosen], kept: figure.kept,
                                average: figure.average, cursor: figure.cursor }) };
    return () => figure.end();
  },
};
