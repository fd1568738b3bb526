// The latent explorer: what the decoder makes of any place of the plane, and of the way from A to
// B. An end of the way is at the code of a test digit, or wherever it was dragged to.

const ROWS = 13, STEPS = 8, DURATION = 4000;  // of the mosaic; of the way; of playing it, in ms
const AT_FIRST = { A: "7", B: "3", show: "all", t: 0.5 };
const SIDE = 56;  // of the picture beside the pointer

/** What stands for an end in the address: its digit, or its place. */
const endText = ({ digit, mean }) => (digit === null ? mean.map((v) => v.toFixed(2)).join()
  : String(digit));

// --- what is drawn over the plane

/** The way from A to B, and q(z|x) of an end that is a test digit's code. */
function drawWay(context, { x, y }, { A, B }) {
  const way = () => {
    context.moveTo(x(A.mean[0]), y(A.mean[1]));
    context.lineTo(x(B.mean[0]), y(B.mean[1]));
  };
  strokes(context, way, ["white", 4], [INK, 2, [5, 4]]);
  for (const { mean, logVar } of [A, B]) if (logVar) spot(context, x, y, mean, logVar, "");
}

/** What is decoded there, beside it: to the right and above, where there is room. */
function drawBeside(context, px, py, picture, { left, width }) {
  const right = px + 18 + SIDE < width, corner = [right ? px + 18 : Math.max(px - 18 - SIDE, left),
                                                  py > SIDE + 20 ? py - 16 - SIDE : py + 16];
  const box = () => context.rect(...corner, SIDE, SIDE);
  strokes(context, box, ["white", 6], [RED, 3]);
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap(picture), ...corner, SIDE, SIDE);
}

// --- the figure

class Explorer {
  constructor(model, el) {
    const a = unpack(model);
    Object.assign(this, { el, a, vae: vaeOf(a), only: null, hover: null, frame: 0, ends: {} });
    this.mosaic = mosaicOf(this.vae.decode, ROWS, () => this.map.paint());
    this.reach = Math.ceil(2 * Math.max(...a.code_mean.map(Math.abs)) + 0.4) / 2;
    this.digits = Array.from({ length: 10 }, (_, digit) => a.code_y.indexOf(digit));
    this.build();
    this.listen();
    this.arrive(fromAddress("latent") ?? new URLSearchParams());
  }

  // --- the page

  build() {
    const { el } = this;
    this.map = surface({ tabindex: 0, role: "application" }, 0.74, (...place) =>
      this.draw(...place));
    this.handles = { A: this.handle("A"), B: this.handle("B") };
    this.decoded = frame("decoded");
    this.pictures = { A: frame("at A"), B: frame("at B") };
    this.nearest = h("p", { class: "live-note latent-note" });
    this.way = slider("way from A to B", { min: 0, max: 1, step: 0.01, value: 0 }, (v) => {
      this.stop();
      this.travel(v);
      this.rest();
    });
    this.play = button("", () => this.playOrStop());
    el.classList.add("live-figure", "latent");
    el.append(
      h("p", { class: "live-note" }, "Point at the plane: every place decodes to a picture. " +
        "Drag A and B, then play the way."),
      h("div", { class: "latent-parts" },
        h("div", { class: "latent-plane" }, this.map.canvas,
          ...Object.values(this.handles).map((handle) => handle.element)),
        h("div", { class: "latent-side" }, this.decoded.element, this.pictures.A.element,
          this.pictures.B.element)),
      h("div", { class: "latent-way" }, this.way.element, this.play), this.choices(),
      this.nearest);
    this.say = announcer(el);
  }

  /** The lists: which digit an end is, and whose codes are shown. */
  choices() {
    const digits = this.digits.map((_, digit) => [String(digit), an(digit)]);
    const end = (name) => select(name, [...digits, ["", "a place"]], "", (v) => {
      if (v) this.put(name, this.codeOf(Number(v)));
      else this.put(name, { digit: null, mean: this.ends[name].mean });
      this.rest();
    });
    this.lists = { A: end("A"), B: end("B"),
      show: select("codes", [["all", "of all digits"], ...digits.map(([v]) => [v, `of ${v} only`]),
                             ["none", "hidden"]], "all", (v) => {
        this.only = v;
        this.map.paint();
        this.rest();
      }) };
    return inLine(...Object.values(this.lists).map((list) => list.element),
                  button("Reset", () => {
                    this.arrive(new URLSearchParams());
                    this.rest();
                  }));
  }

  /** An end of the way, to be dragged or moved with the arrow keys. */
  handle(name) {
    const element = h("div", { class: "latent-handle", role: "application", tabindex: 0 }, name);
    followFinger(element, (x, y) => {
      const from = this.map.canvas.getBoundingClientRect(), box = element.getBoundingClientRect();
      this.put(name, { digit: null,
                       mean: this.placeAt(box.left - from.left + x, box.top - from.top + y) });
    }, () => this.rest());
    onArrows(element, (move) => {
      this.put(name, { digit: null, mean: this.inside(move(this.ends[name].mean)) });
      this.rest();
    });
    return { element };
  }

  /** The plane shows what lies under the mouse; where it is pressed, or a finger lies, the point
   *  goes; and it follows the arrow keys. */
  listen() {
    const { canvas } = this.map;
    followFinger(canvas, (x, y) => {
      this.held = true;
      this.moveTo(this.placeAt(x, y));
    }, () => {
      this.held = false;
      this.rest();
    });
    canvas.addEventListener("pointermove", ({ pointerType, offsetX, offsetY }) => {
      if (pointerType === "mouse" && !this.held && !this.frame)
        this.look(this.placeAt(offsetX, offsetY));
    });
    canvas.addEventListener("pointerleave", () => this.look(null));
    onArrows(canvas, (move) => {
      this.moveTo(this.inside(move(this.z)));
      this.rest();
    });
    this.unfollow = followAddress("latent", (said) => this.arrive(said));
  }

  end() {
    this.stop();
    this.unfollow();
    this.mosaic.end();
  }

  // --- places

  inside([a, b]) {
    const { wide, reach } = this.maps ?? { wide: this.reach, reach: this.reach };
    return [Math.min(Math.max(a, -wide), wide), Math.min(Math.max(b, -reach), reach)];
  }

  placeAt(px, py) { return this.inside([this.maps.x.back(px), this.maps.y.back(py)]); }

  /** An end at the code of the first test image of a digit. */
  codeOf(digit) {
    const i = this.digits[digit], cut = (array) => [...array.subarray(2 * i, 2 * i + 2)];
    return { digit, mean: cut(this.a.code_mean), logVar: cut(this.a.code_log_var) };
  }

  /** An end as the address names it: a digit, or a place. */
  endIn(text) {
    const place = text.split(",").map(Number);
    if (place.length === 2 && place.every(Number.isFinite))
      return { digit: null, mean: this.inside(place) };
    return this.codeOf(/^\d$/.test(text) ? Number(text) : 0);
  }

  // --- what happens

  /** The state that an address names, as #latent?A=1&B=0&t=0.25, z1=1&z2=0 or play=1. */
  arrive(said) {
    this.stop();
    const show = said.get("show");
    this.only = show in this.digits || show === "none" ? show : "all";
    for (const name of "AB") this.put(name, this.endIn(said.get(name) ?? AT_FIRST[name]));
    const [z1, z2] = ["z1", "z2"].map((key) => numberIn(said, key, [-9, 9], null));
    if (z1 !== null && z2 !== null) this.moveTo(this.inside([z1, z2]));
    else this.travel(said.get("play") ? 0 : numberIn(said, "t", [0, 1], AT_FIRST.t));
    this.tell();
    if (said.get("play")) this.playOrStop();
  }

  /** An end somewhere else; a point on the way stays on it. */
  put(name, end) {
    this.stop();
    this.ends[name] = end;
    this.pictures[name].show(this.vae.decode(end.mean), `at ${name}`,
                             `Decoded at ${name}, z = ${writePoint(end.mean)}`);
    if (!this.ends.B) return;
    if (this.t === null) this.map.paint();
    else this.travel(this.t ?? AT_FIRST.t);
  }

  moveTo(z) {
    this.stop();
    this.t = null;
    this.decodeAt(z);
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
      this.rest();
      return;
    }
    const from = this.t === null || this.t >= 1 ? null : this.t;
    if (reducedMotion()) {
      this.travel(from === null ? 0 : Math.min(1, (Math.floor(from * STEPS) + 1) / STEPS));
      this.rest();
      return;
    }
    const start = performance.now();
    const go = (time) => {
      this.travel(Math.min(1, (from ?? 0) + Math.max(0, time - start) / DURATION));
      this.frame = this.t < 1 ? requestAnimationFrame(go) : 0;
      this.namePlay();
      if (!this.frame) this.rest();
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

  decodeAt(z) {
    this.z = z;
    this.hover = null;
    this.show();
  }

  /** Show what lies under the mouse, or again what the point is at. */
  look(place) {
    if (place === this.hover) return;
    this.hover = place;
    this.show();
  }

  show() {
    const at = this.hover ?? this.z, counts = neighbours(this.a, at), where = writePoint(at);
    this.x = this.vae.decode(at);
    this.decoded.show(this.x, `at ${where}`, `Decoded at z = ${where}, among ${counts[0][0]}s`);
    this.nearest.textContent = writeNeighbours(counts);
    this.map.paint();
  }

  /** It has come to rest: say where, and name it in the address. */
  rest() {
    const { ends, z, t, only } = this;
    const at = t === null ? { z1: z[0], z2: z[1] } : { t };
    toAddress("latent", { A: endText(ends.A), B: endText(ends.B), show: only, ...at }, AT_FIRST);
    this.tell();
    this.say(`z = ${writePoint(z)}. ${this.nearest.textContent}`);
  }

  /** The names of the plane and of the ends, for who does not see them. */
  tell() {
    this.map.canvas.setAttribute("aria-label", "Latent plane over what it decodes to. The point " +
      `is at z = ${writePoint(this.z)}. ${KEYS}`);
    for (const [name, { digit, mean }] of Object.entries(this.ends)) {
      const whose = digit === null ? "" : `, the code of ${an(digit)}`;
      this.handles[name].element.setAttribute("aria-label",
        `${name} at z = ${writePoint(mean)}${whose}. ${KEYS}`);
      this.lists[name].list.value = digit === null ? "" : String(digit);
    }
    this.lists.show.list.value = this.only;
  }

  // --- drawing

  draw(context, width, height) {
    const { a, ends, only } = this, maps = mapsOf(width, height, this.reach);
    this.maps = maps;
    this.mosaic.lay(context, maps);
    drawPrior(context, maps);
    planeAxes(context, maps);
    if (only !== "none")
      numerals(context, maps, a.code_mean, a.code_y, only === "all" ? null : Number(only));
    drawWay(context, maps, ends);
    const [px, py] = [maps.x(this.z[0]), maps.y(this.z[1])];
    drawPoint(context, px, py);
    const [u, v] = this.hover ? [maps.x(this.hover[0]), maps.y(this.hover[1])] : [px, py];
    drawBeside(context, u, v, this.x, maps);
    for (const [name, { mean }] of Object.entries(ends)) {
      const { style } = this.handles[name].element;
      [style.left, style.top] = [`${maps.x(mean[0])}px`, `${maps.y(mean[1])}px`];
    }
  }
}

export default {
  render({ model, el }) {
    const figure = new Explorer(model, el), { a, vae } = figure;
    el.live = { decode: vae.decode, neighbours: (at) => neighbours(a, at),
                state: () => ({ z: figure.z, t: figure.t, ends: figure.ends, hover: figure.hover,
                                playing: figure.frame !== 0, only: figure.only }),
                mosaic: () => figure.mosaic.now(),
                placeOf: (i) => placeOf(figure.mosaic.now(), i) };
    return () => figure.end();
  },
};
