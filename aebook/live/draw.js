// Draw a digit: the encoder's answer, its reconstruction, and the two terms of the loss; from codes
// of two latents, or of more.

// Drawings that are no digits: a name, and lines through points of a 100 x 100 sheet.
const OTHERS = {
  A: ["letter A", [[15, 95], [50, 5], [85, 95]], [[30, 60], [70, 60]]],
  K: ["letter K", [[25, 5], [25, 95]], [[80, 5], [25, 50], [80, 95]]],
  house: ["house", [[15, 45], [15, 95], [85, 95], [85, 45], [15, 45], [50, 5], [85, 45]],
          [[42, 95], [42, 68], [58, 68], [58, 95]]],
  star: ["star", [[50, 0], [79, 90], [2, 35], [98, 35], [21, 90], [50, 0]]],
  lattice: ["lattice", [[30, 0], [30, 100]], [[70, 0], [70, 100]],
            [[0, 30], [100, 30]], [[0, 70], [100, 70]]],
};
const FAR = 4;  // of a latent, as it is drawn where there are more than two

/** The encoder's answer in the plane: a spot, and hairs from it to the four edges. */
function drawAnswer(context, x, y, reach, { mean, logVar }) {
  const [u, v] = [x(mean[0]), y(mean[1])];
  const hairs = () => {
    for (const [x0, y0, x1, y1] of [[u - 12, v, x(-reach), v], [u + 12, v, x(reach), v],
                                    [u, v + 12, u, y(-reach)], [u, v - 12, u, y(reach)]]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
  };
  strokes(context, hairs, ["white", 3.5], [INK, 1, [3, 3]]);
  spot(context, x, y, mean, logVar, "");
}

/** The answer where there is no plane: of each latent its mean, and 1.5 standard deviations. */
function drawLatents(context, width, height, n, code) {
  const left = 26, bottom = height - 22, x = scale(-FAR, FAR, left, width);
  const y = scale(-0.7, n - 0.3, 4, bottom);
  axes(context, x, y, { xTicks: [-2, 0, 2], yTicks: [], xName: "", yName: "",
                        bottom, left, width });
  strokes(context, () => { context.moveTo(x(0), 0); context.lineTo(x(0), bottom); },
          [PALE, 1, [3, 3]]);
  for (let k = 0; k < n; k++) {
    label(context, String(k + 1), left - 6, y(k), { colour: GREY, size: 12, align: "right",
                                                    weight: "" });
    if (!code) continue;
    const mean = code.mean[k], wide = 1.5 * Math.exp(code.logVar[k] / 2);
    strokes(context, () => {
      context.moveTo(x(mean - wide), y(k));
      context.lineTo(x(mean + wide), y(k));
    }, [BLUE, 3]);
    context.fillStyle = INK;
    context.beginPath();
    context.arc(x(mean), y(k), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}

/** The table of the loss, a column for each size of the code: { element, show(codes), mark(k) },
 *  where column k is that of the code which is shown. */
function lossTable(sizes) {
  const names = ["reconstruction", "KL", "sum, −ELBO"];
  const rows = names.map(() => sizes.map(() => h("td", {}, "–")));
  const heads = sizes.map((n) => h("th", { scope: "col" }, String(n)));
  const bodies = names.map((name, i) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...rows[i]));
  return {
    element: h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" },
      "nats, by latents"), ...heads)), h("tbody", {}, ...bodies)),
    show: (codes) => codes.forEach((code, k) => rows.forEach((cells, i) => {
      cells[k].textContent = code ? write(code.terms[i], 1) : "–";
    })),
    mark: (chosen) => [heads, ...rows].forEach((cells) => cells.forEach((cell, k) =>
      cell.classList.toggle("draw-chosen", k === chosen))),
  };
}

class Drawing {
  constructor(model, el) {
    const a = unpack(model), { latents, percentiles } = model.get("header").settings;
    Object.assign(this, { el, a, sizes: latents, digits: imagesByDigit(a), drawn: "nothing",
                          turn: Array(10).fill(0),  // which picture of each digit is next
                          x: null, codes: [] });  // the picture, and its code by each VAE
    this.vaes = latents.map((n, i) => ({ ...vaeOf(a, `${n}_`), usual: percentiles[i],
      codes: { code_y: a.code_y, code_mean: a[`${n}_code_mean`] } }));
    this.build();
    this.unfollow = followAddress("draw", (said) => this.arrive(said));
    this.arrive(fromAddress("draw") ?? new URLSearchParams());
  }

  // --- the answer

  /** The code of a picture by VAE number k, its reconstruction, and what they cost in nats. */
  terms(x, k = 0) {
    const vae = this.vaes[k], { mean, logVar } = vae.encode(x), logits = vae.logits(mean);
    const reconstruction = vae.reconstruction(x, logits), kl = vae.kl(mean, logVar);
    return { mean, logVar, x_hat: logits.map(sigmoid),
             terms: [reconstruction, kl, reconstruction + kl] };
  }

  /** How many per cent of the test digits VAE number k reconstructs with a smaller error. */
  rank(error, k = 0) {
    const { usual } = this.vaes[k];
    return usual.filter((q) => q < error).length - (error > usual[100] ? 1 : 0);
  }

  /** What is on the paper is the reader's. */
  own() {
    this.sample = "";
    this.samples.list.value = "";
    this.x = pictureOf(this.paper.strokes);
    this.drawn = this.x ? "your drawing" : "nothing";
    this.answer();
  }

  answer() {
    this.codes = this.sizes.map((_, k) => this.x && this.terms(this.x, k));
    this.loss.show(this.codes);
    this.paper.surface.canvas.setAttribute("aria-label",
      `Paper to draw on with mouse or finger. It shows ${this.drawn}.`);
    this.show();
  }

  /** Show what the chosen VAE makes of it. */
  show() {
    const { x, chosen, sizes } = this, code = this.codes[chosen], blank = new Float32Array(784);
    const by = `by ${sizes[chosen]} latents`, at = code && writeLatents(code.mean);
    this.loss.mark(chosen);
    this.map.canvas.hidden = sizes[chosen] !== 2;
    this.bars.canvas.hidden = sizes[chosen] === 2;
    this.title.textContent = `its code: ${sizes[chosen]} latents`;
    this.seen.show(x ?? blank, "as the encoder sees it",
                   `What the encoder sees: ${this.drawn}`);
    this.copy.show(code ? code.x_hat : blank, `from ${sizes[chosen]} latents`,
                   `Reconstructed ${by}: what the decoder draws at the mean of q`);
    this.verdict.textContent = code ? this.judge(code) : "Draw a digit, or choose a sample.";
    for (const { canvas } of [this.map, this.bars])
      canvas.setAttribute("aria-label", code ? `q(z|x) of ${this.drawn}: mean ${at}`
        : "The latent space, without a code so far");
    this.map.paint();
    this.bars.paint();
    const [error, kl] = code ? code.terms.map((v) => write(v, 1)) : [];
    this.say(code ? `Reconstruction ${error} nats, KL ${kl} nats ${by}. ` +
      this.verdict.textContent : this.verdict.textContent);
  }

  /** Where the code lies, and whether the error is usual. */
  judge({ mean, terms: [error] }) {
    const vae = this.vaes[this.chosen], percent = this.rank(error, this.chosen);
    const hardly = percent >= 95 ? ": the model can hardly draw this. The encoder gave it an " +
      "address all the same." : ".";
    return `${writeNeighbours(neighbours(vae.codes, mean))} The error is larger than for ` +
      `${percent} % of the test digits${hardly}`;
  }

  // --- samples, sizes, the address

  showDigit(digit) {
    const mine = this.digits[digit], i = mine[this.turn[digit] % mine.length];
    this.x = testImage(this.a, i);
    this.drawn = `a test digit, ${an(+digit)}`;
    this.paper.show(this.x);
  }

  showOther([name, ...lines]) {
    const place = (point) => point.map((v) => 20 + v * (SIDE - 40) / 100);
    this.drawn = `no digit: ${name}`;
    this.x = pictureOf(lines.map((points) => points.map(place)));
    this.paper.show(this.x);
  }

  /** sample: "4", "house", or "" for a blank sheet. */
  choose(sample) {
    this.sample = sample;
    this.samples.list.value = sample;
    this.paper.clear();
    this.x = null;
    this.drawn = "nothing";
    if (sample in this.digits) this.showDigit(sample);
    if (sample in OTHERS) this.showOther(OTHERS[sample]);
    this.answer();
  }

  /** Another size of the code. */
  size(latents) {
    this.chosen = Math.max(this.sizes.indexOf(latents), 0);
    this.radios.forEach(({ box }, k) => { box.checked = k === this.chosen; });
    this.show();
  }

  /** The state that an address names, as #draw?latents=10&sample=5. */
  arrive(said) {
    const sample = said.get("sample") ?? "";
    this.chosen = 0;
    this.choose(sample in this.digits || sample in OTHERS ? sample : "");
    this.size(Number(said.get("latents")));
  }

  tellAddress() {
    toAddress("draw", { latents: this.sizes[this.chosen], sample: this.sample },
              { latents: this.sizes[0], sample: "" });
  }

  // --- the page

  build() {
    const { el, sizes } = this, [{ codes: places }] = this.vaes;
    this.paper = paperToDrawOn(["draw a digit here"], () => this.own());
    this.map = plane(places, { role: "img" }, new Set(Array(10).keys()), (context, x, y) => {
      if (this.codes[0]) drawAnswer(context, x, y, this.map.reach, this.codes[0]);
    });
    this.bars = surface({ role: "img" }, 1, (context, width, height) =>
      drawLatents(context, width, height, sizes[this.chosen], this.codes[this.chosen]));
    this.seen = frame("as the encoder sees it");
    this.copy = frame("reconstructed");
    this.loss = lossTable(sizes);
    this.title = h("p", { class: "live-title" });
    this.verdict = h("p", { class: "live-note draw-verdict" });
    el.classList.add("live-figure", "draw");
    el.append(
      h("p", { class: "live-note" }, "Draw a digit, and see what comes back through two " +
        "numbers. Then choose more latents."),
      h("div", { class: "draw-parts" },
        h("div", { class: "draw-paper" }, h("p", { class: "live-title" }, "your drawing"),
          this.paper.surface.canvas),
        h("div", { class: "draw-code" }, this.title, this.map.canvas, this.bars.canvas),
        h("div", { class: "draw-copy" }, this.copy.element),
        h("div", { class: "draw-loss" }, this.seen.element, this.loss.element, this.chooser())),
      this.controls(), this.verdict);
    this.say = announcer(el);
  }

  /** How many latents: one of several. */
  chooser() {
    this.radios = this.sizes.map((n) => radio("draw-latents", String(n), () => {
      this.size(n);
      this.tellAddress();
    }));
    return h("fieldset", { class: "draw-sizes" }, h("legend", {}, "latents"),
             ...this.radios.map((r) => r.element));
  }

  controls() {
    const digits = this.digits.map((_, digit) => [String(digit), `test digit ${digit}`]);
    const others = Object.entries(OTHERS).map(([key, [name]]) => [key, name]);
    const choose = (sample) => {
      this.choose(sample);
      this.tellAddress();
    };
    this.samples = select("sample", [["", "none"], ...digits, ...others], "", choose);
    const next = button("Next", () => {
      if (!(this.sample in this.digits)) return;
      this.turn[this.sample] += 1;
      this.choose(this.sample);
    });
    const undo = button("Undo", () => {
      if (this.drawn !== "your drawing") return;
      this.paper.undo();
      this.own();
    });
    return inLine(undo, button("Clear", () => choose("")), this.samples.element, next);
  }

  end() { this.unfollow(); }
}

/** One of several choices: { element, box }. */
function radio(group, name, change) {
  const box = h("input", { type: "radio", name: group, change });
  return { element: h("label", { class: "live-check" }, box, h("span", {}, name)), box };
}

const writeLatents = (z) => `(${Array.from(z, (v) => write(v)).join(", ")})`;

export default {
  render({ model, el }) {
    const figure = new Drawing(model, el);
    el.live = { encode: (x, k = 0) => figure.vaes[k].encode(x), prepare,
                decode: (z, k = 0) => figure.vaes[k].decode(z),
                neighbours: (at, k = 0) => neighbours(figure.vaes[k].codes, at),
                terms: (x, k) => figure.terms(x, k), rank: (error, k) => figure.rank(error, k),
                choose: (value) => figure.choose(value),
                state: () => ({ x: figure.x, codes: figure.codes, chosen: figure.chosen,
                                sample: figure.sample }) };
    return () => figure.end();
  },
};
