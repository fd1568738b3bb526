// Between the points: the plane of a plain autoencoder and that of a VAE under one pointer, which
// is at the same place of both, in standard deviations: of the codes here, of the prior there.

const REACH = 4, GRID = 50;  // standard deviations that are shown; places along a side, for holes
const AT_FIRST = { u1: 0.5, u2: 0.5 }, BOUNDS = [-REACH, REACH];

/** One of the two models. a: arrays; settings: `middle` and `spread` of its plane, and `usual`, how
 *  far at most 99 % of the test codes lie from the nearest that is shown, in such units. */
function halfOf(a, name, { middle, spread, usual }) {
  const decode = networkOf(a, `${name}_decoding`, `${name}_logits`), codes = a[`${name}_mean`];
  const units = codes.map((v, i) => (v - middle[i % 2]) / spread[i % 2]);
  const toNearest = ([u1, u2]) => {
    let least = Infinity;
    for (let i = 0; i < units.length; i += 2)
      least = Math.min(least, (units[i] - u1) ** 2 + (units[i + 1] - u2) ** 2);
    return Math.sqrt(least);
  };
  return { units, usual, toNearest, middle, spread,
           place: (u) => u.map((v, k) => middle[k] + spread[k] * v),
           isHole: (u) => toNearest(u) > usual,
           decode: (z) => decode(z).map(sigmoid) };
}

/** The place within two standard deviations that is farthest from all codes. */
function widestHole({ toNearest }) {
  let most = 0, widest = [0, 0];
  for (let i = 0; i < GRID * GRID; i++) {
    const u = [i % GRID, Math.floor(i / GRID)].map((v) => 4 * v / (GRID - 1) - 2);
    const far = Math.hypot(...u) < 2 ? toNearest(u) : 0;
    if (far > most) [most, widest] = [far, u];
  }
  return widest;
}

// --- what is drawn

/** The holes as a picture, GRID places across: grey where no code is near. */
function holesOf({ isHole }, wide) {
  const canvas = h("canvas", { width: GRID, height: GRID }), context = canvas.getContext("2d");
  const image = context.createImageData(GRID, GRID), middle = (v) => 2 * (v + 0.5) / GRID - 1;
  for (let i = 0; i < GRID * GRID; i++) {
    const u = [wide * middle(i % GRID), -REACH * middle(Math.floor(i / GRID))];
    image.data.fill(isHole(u) ? 214 : 255, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Axes in the units of the codes themselves. */
function ownAxes(context, { x, y, left, bottom, width, wide }, { middle, spread }) {
  const most = Math.max(spread[0] * wide, spread[1] * REACH);
  const step = [1, 2, 5, 10, 25, 50, 100].find((s) => s >= most / 2.3) ?? 200;
  const ticks = Array.from({ length: 21 }, (_, i) => (i - 10) * step);
  const [[x2, across], [y2, up]] = [[x, wide], [y, REACH]].map(([map, far], k) =>
    [(v) => map((v - middle[k]) / spread[k]),
     ticks.filter((v) => Math.abs(v - middle[k]) < 0.9 * far * spread[k])]);
  axes(context, x2, y2, { xTicks: across, yTicks: up, xName: "z₁", yName: "z₂",
                          bottom, left, width });
}

function drawCrosses(context, { x, y }, draws) {
  const crosses = () => draws.slice(-200).forEach(([u1, u2]) => {
    const [px, py] = [x(u1), y(u2)];
    context.moveTo(px - 3, py - 3);
    context.lineTo(px + 3, py + 3);
    context.moveTo(px - 3, py + 3);
    context.lineTo(px + 3, py - 3);
  });
  strokes(context, crosses, ["white", 3.5], [RED, 1.5]);
}

// --- the figure

class Between {
  constructor(model, el) {
    const a = unpack(model), { models } = model.get("header").settings;
    Object.assign(this, { el, y: a.code_y, u: null, held: false });
    this.sides = Object.entries(models).map(([key, said]) =>
      this.side(halfOf(a, key, said), said.title));
    this.build();
    this.unfollow = followAddress("between", (said) => this.arrive(said));
    this.arrive(fromAddress("between") ?? new URLSearchParams());
  }

  // --- the page

  /** One model's half of the figure: its plane, its picture, and what is said of them. */
  side(model, title) {
    const note = () => h("p", { class: "live-note" });
    const side = { ...model, title, picture: frame("decoded"), text: note(), share: note() };
    side.map = surface({ tabindex: 0, role: "application" }, 0.92, (context, width, height) => {
      side.maps = mapsOf(width, height, REACH, 32);
      this.draw(context, side);
    });
    const { canvas } = side.map, at = (x, y) =>
      this.pointAt([side.maps.x.back(x), side.maps.y.back(y)]);
    followFinger(canvas, (x, y) => {
      this.held = true;
      at(x, y);
    }, () => {
      this.held = false;
      this.rest();
    });
    canvas.addEventListener("pointermove", ({ pointerType, offsetX, offsetY }) => {
      if (pointerType === "mouse" && !this.held) at(offsetX, offsetY);
    });
    onArrows(canvas, (move) => {
      this.pointAt(move(this.u));
      this.rest();
    });
    return side;
  }

  build() {
    const { el } = this;
    const half = ({ title, map, picture, text, share }) => h("div", { class: "between-side" },
      h("p", { class: "live-title" }, title), map.canvas,
      h("div", { class: "between-says" }, picture.element, h("div", {}, text, share)));
    el.classList.add("live-figure", "between");
    el.append(
      h("p", { class: "live-note" }, "Move over a plane: the same place of both is decoded. In " +
        "the grey no code is near."),
      h("div", { class: "between-parts" }, ...this.sides.map(half)),
      inLine(button("Widest hole", () => {
        this.pointAt(widestHole(this.sides[0]));
        this.rest();
      }), button("One draw", () => this.drawMore(1)), button("100 draws", () => this.drawMore(100)),
      button("Reset", () => {
        this.arrive(new URLSearchParams());
        this.rest();
      })));
    this.say = announcer(el);
  }

  // --- what happens

  /** The state that an address names, as #between?u1=1&u2=-2, or to=hole. */
  arrive(said) {
    Object.assign(this, { draws: [], normal: normals(1) });
    this.pointAt(said.get("to") === "hole" ? widestHole(this.sides[0])
      : ["u1", "u2"].map((key) => numberIn(said, key, BOUNDS, AT_FIRST[key])));
    this.tell();
  }

  /** Decode that place of both planes. */
  pointAt(u) {
    this.u = u.map((v) => Math.min(Math.max(v, -REACH), REACH));
    for (const side of this.sides) {
      const z = side.place(this.u), far = side.toNearest(this.u), n = this.draws.length;
      const hole = far > side.usual ? ": a hole" : "";
      side.x = side.decode(z);
      side.picture.show(side.x, `at ${writePoint(z, 1)}`,
                        `Decoded by the ${side.title} at z = ${writePoint(z, 1)}`);
      side.text.textContent = `nearest code ${write(far)} sd away${hole}`;
      side.share.textContent = n ? `${this.draws.filter(side.isHole).length} of ${n} draws ` +
        "in holes" : "no draws yet";
      side.map.paint();
    }
  }

  /** Draws from a Gaussian: the prior of the VAE; with the codes' own mean and standard deviations
   *  in the other plane. The pointer goes to the last of them. */
  drawMore(count) {
    for (let i = 0; i < count; i++) this.draws.push(this.normal());
    this.pointAt(this.draws.at(-1));
    this.rest();
  }

  /** It has come to rest: say where, and name it in the address. */
  rest() {
    const [u1, u2] = this.u;
    toAddress("between", { u1, u2 }, AT_FIRST);
    this.tell();
    this.say(this.sides.map(({ title, text, share }) =>
      `${title}: ${text.textContent}, ${share.textContent}.`).join(" "));
  }

  tell() {
    for (const { map, title, text } of this.sides)
      map.canvas.setAttribute("aria-label", `Latent plane of the ${title}. The pointer is ` +
        `${writePoint(this.u)} standard deviations from the middle, ${text.textContent}. ${KEYS}`);
  }

  end() { this.unfollow(); }

  // --- drawing

  draw(context, side) {
    const { maps } = side, { x, y, left, bottom, width } = maps;
    side.holes ??= holesOf(side, maps.wide);
    context.drawImage(side.holes, left, 0, width - left, bottom);
    drawPrior(context, maps);
    ownAxes(context, maps, side);
    numerals(context, maps, side.units, this.y);
    drawCrosses(context, maps, this.draws);
    drawPoint(context, x(this.u[0]), y(this.u[1]));
  }
}

export default {
  render({ model, el }) {
    const figure = new Between(model, el), { sides } = figure;
    el.live = { decode: (z, k) => sides[k].decode(z), place: (u, k) => sides[k].place(u),
                toNearest: (u, k) => sides[k].toNearest(u), isHole: (u, k) => sides[k].isHole(u),
                state: () => ({ u: figure.u, draws: figure.draws }) };
    return () => figure.end();
  },
};
