// Draw a digit: the encoder's answer, its reconstruction, and the two terms of the loss.

// The drawing is 140 x 140, five times MNIST's 28, the pen 2.6 of its pixels wide.
const SIDE = 140, PEN = 13;

// Drawings that are no digits: lines through points of a 100 x 100 sheet.
const OTHERS = {
  "the letter A": [[[15, 95], [50, 5], [85, 95]], [[30, 60], [70, 60]]],
  "the letter K": [[[25, 5], [25, 95]], [[80, 5], [25, 50], [80, 95]]],
  "a house": [[[15, 45], [15, 95], [85, 95], [85, 45], [15, 45], [50, 5], [85, 45]],
              [[42, 95], [42, 68], [58, 68], [58, 95]]],
  "a star": [[[50, 0], [79, 90], [2, 35], [98, 35], [21, 90], [50, 0]]],
  "a lattice": [[[30, 0], [30, 100]], [[70, 0], [70, 100]],
                [[0, 30], [100, 30]], [[0, 70], [100, 70]]],
};

/** Mean ink of the square from (x0, y0) to (x1, y1) of a side x side picture; outside is paper. */
function inkIn(ink, side, x0, y0, x1, y1) {
  let sum = 0;
  for (let i = Math.max(Math.floor(y0), 0); i < Math.min(y1, side); i++) {
    const high = Math.min(i + 1, y1) - Math.max(i, y0);
    for (let j = Math.max(Math.floor(x0), 0); j < Math.min(x1, side); j++) {
      const v = ink[i * side + j];
      if (v) sum += v * high * (Math.min(j + 1, x1) - Math.max(j, x0));
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

/** The drawing's box of ink as [left, top, width, height], or null for a blank sheet. */
function boxOf(ink, side) {
  let left = side, right = -1, top = side, bottom = -1;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] < 0.02) continue;
    const x = i % side, y = Math.floor(i / side);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}

/** A drawing as MNIST prepares one: fitted into 20 x 20 pixels, its centre of mass moved to the
 *  middle of 28 x 28 by whole pixels. ink: side * side numbers. Null for a blank sheet. */
function prepare(ink, side) {
  const found = boxOf(ink, side);
  if (!found) return null;
  const [left, top, width, height] = found, size = Math.max(width, height), pixel = size / 20;
  const x0 = left - (size - width) / 2, y0 = top - (size - height) / 2;
  const box = Float64Array.from({ length: 400 }, (_, i) => {
    const x = x0 + (i % 20) * pixel, y = y0 + Math.floor(i / 20) * pixel;
    return inkIn(ink, side, x, y, x + pixel, y + pixel);
  });
  let mass = 0, mx = 0, my = 0;
  box.forEach((v, i) => {
    mass += v;
    mx += v * (i % 20 + 0.5);
    my += v * (Math.floor(i / 20) + 0.5);
  });
  // MNIST's centres of mass lie within half a pixel of the middle of pixel (14, 14), from 0.
  const [dx, dy] = [mx, my].map((m) => Math.min(Math.max(Math.round(14.5 - m / mass), 0), 8));
  const x = new Float64Array(784);
  box.forEach((v, i) => { x[28 * (Math.floor(i / 20) + dy) + i % 20 + dx] = Math.min(v, 1); });
  return x;
}

/** What the pen draws on: SIDE x SIDE pixels, shown larger. */
function sheetOfPaper() {
  const canvas = h("canvas", { width: SIDE, height: SIDE });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return {
    canvas,
    clear() {
      pen.fillStyle = "white";
      pen.fillRect(0, 0, SIDE, SIDE);
      const round = { lineCap: "round", lineJoin: "round" };
      Object.assign(pen, { lineWidth: PEN, strokeStyle: "black", ...round });
    },
    line(from, to) {
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    },
    /** A picture of 28 x 28, enlarged. */
    picture(x) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(bitmap(x), 0, 0, SIDE, SIDE);
    },
    /** The drawing in numbers, 0 paper and 1 ink. */
    ink() {
      const { data } = pen.getImageData(0, 0, SIDE, SIDE);
      return Float32Array.from({ length: SIDE * SIDE }, (_, i) => 1 - data[4 * i] / 255);
    },
  };
}

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

/** The table of the loss: { element, show(numbers) }, a dash where there is no number. */
function lossTable() {
  const cells = [], rows = ["reconstruction", "KL", "sum, −ELBO"].map((name, i) => {
    cells[i] = h("td");
    return h("tr", {}, h("th", { scope: "row" }, name), cells[i]);
  });
  return {
    element: h("table", {}, h("caption", {}, "Minus the ELBO, at the mean of q(z|x)"),
               h("tbody", {}, ...rows)),
    show(numbers) {
      cells.forEach((cell, i) => {
        cell.textContent = numbers ? `${write(numbers[i], 1)} nats` : "–";
      });
      return cells.map((cell) => cell.textContent);
    },
  };
}

class Drawing {
  constructor(model, el) {
    this.a = unpack(model);
    this.vae = vaeOf(this.a);
    this.usual = model.get("header").settings.reconstruction_percentiles;
    this.digits = imagesByDigit(this.a);
    this.turn = Array(10).fill(0);  // which picture of each digit is next
    this.sheet = sheetOfPaper();
    this.drawn = "nothing";
    this.x = this.code = null;  // the picture that is encoded, and the terms of its loss
    this.paper = surface({ role: "img" }, 1, (...place) => this.drawPaper(...place));
    this.paper.canvas.classList.add("live-paper");
    this.listen();
    this.map = plane(this.a, { role: "img" }, new Set(Array(10).keys()), (context, x, y) => {
      if (this.code) drawAnswer(context, x, y, this.map.reach, this.code);
    });
    this.seen = frame("what the encoder sees");
    this.copy = frame("reconstruction");
    this.loss = lossTable();
    this.verdict = h("p", { class: "live-note" });
    el.classList.add("live-figure");
    el.append(this.places(), this.controls(),
      h("div", { class: "live-row live-answer" }, this.seen.element, this.copy.element,
        this.loss.element), this.verdict);
    this.say = announcer(el);
    this.choose("digit:4");
  }

  // --- the paper

  drawPaper(context, width) {
    context.drawImage(this.sheet.canvas, 0, 0, width, width);
    if (this.drawn === "nothing") {
      context.fillStyle = GREY;
      context.font = "15px system-ui, sans-serif";
      context.textAlign = "center";
      context.fillText("draw here", width / 2, width / 2);
    }
  }

  listen() {
    const { canvas } = this.paper;
    let last = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * SIDE,
              (event.clientY - box.top) / box.height * SIDE];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (this.drawn !== "your drawing") this.sheet.clear();
      this.drawn = "your drawing";
      this.samples.list.value = "";
      last = at(event);
      this.sheet.line(last, last);
      this.answer();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const to = at(one);
        this.sheet.line(last, to);
        last = to;
      }
      this.answer();
    });
  }

  // --- the answer

  /** The code of a picture, its reconstruction and the two terms of its loss. */
  terms(x) {
    const { vae } = this, { mean, logVar } = vae.encode(x), logits = vae.logits(mean);
    return { mean, logVar, x_hat: logits.map(sigmoid),
             reconstruction: vae.reconstruction(x, logits), kl: vae.kl(mean, logVar) };
  }

  /** How many per cent of the test digits are reconstructed with a smaller error. */
  rank(error) {
    return this.usual.filter((q) => q < error).length - (error > this.usual[100] ? 1 : 0);
  }

  answer() {
    this.paper.paint();
    if (this.drawn === "your drawing") this.x = prepare(this.sheet.ink(), SIDE);
    this.code = this.x && this.terms(this.x);
    this.paper.canvas.setAttribute("aria-label",
      `Paper to draw on with mouse or finger. It shows ${this.drawn}.`);
    if (this.code) this.showCode(this.code);
    else this.showNothing();
    this.map.paint();
  }

  showCode({ mean, logVar, x_hat, reconstruction, kl }) {
    this.seen.show(this.x, "what the encoder sees", `What the encoder sees: ${this.drawn}`);
    this.copy.show(x_hat, "reconstruction",
                   "Reconstruction: what the decoder draws at the mean of q");
    const [error, divergence] = this.loss.show([reconstruction, kl, reconstruction + kl]);
    const percent = this.rank(reconstruction), at = writePoint(mean);
    const sigma = writePoint([...logVar].map((v) => Math.exp(v / 2)));
    const hardly = percent >= 95 ? ": the model can hardly draw this. The encoder gave it an " +
      "address all the same." : ".";
    this.verdict.textContent = `q(z|x) has mean ${at} and σ ${sigma}. ` +
      `${writeNeighbours(neighbours(this.a, mean))} ` +
      `The reconstruction error is larger than for ${percent} % of the test digits${hardly}`;
    this.map.canvas.setAttribute("aria-label",
      `Latent plane with the ellipse of q(z|x) at mean ${at}`);
    this.say(`Reconstruction ${error}, KL ${divergence}. ${this.verdict.textContent}`);
  }

  showNothing() {
    const blank = new Float32Array(784);
    this.seen.show(blank);
    this.copy.show(blank);
    this.loss.show(null);
    this.verdict.textContent = "Draw a digit, or choose a sample.";
    this.map.canvas.setAttribute("aria-label",
      "Latent plane with the codes of a thousand test digits");
    this.say(this.verdict.textContent);
  }

  // --- samples

  showDigit(digit) {
    const mine = this.digits[digit], i = mine[this.turn[digit] % mine.length];
    this.x = testImage(this.a, i);
    this.drawn = `a test digit, ${an(+digit)}`;
    this.sheet.picture(this.x);
  }

  showOther(name) {
    const place = (point) => point.map((v) => 20 + v * (SIDE - 40) / 100);
    this.drawn = name;
    for (const points of OTHERS[name])
      for (let i = 1; i < points.length; i++)
        this.sheet.line(place(points[i - 1]), place(points[i]));
    this.x = prepare(this.sheet.ink(), SIDE);
  }

  /** value: "digit:4", "other:a house", or "" for a blank sheet. */
  choose(value) {
    const [kind, which] = value.split(":");
    this.sheet.clear();
    this.x = null;
    this.drawn = "nothing";
    if (kind === "digit") this.showDigit(which);
    if (kind === "other") this.showOther(which);
    this.answer();
  }

  // --- the page

  places() {
    const half = (title, canvas) =>
      h("div", { class: "live-half" }, h("p", { class: "live-title" }, title), canvas);
    return h("div", { class: "live-row" }, half("Your drawing", this.paper.canvas),
             half("Where the encoder puts it", this.map.canvas));
  }

  controls() {
    const digits = this.digits.map((_, digit) => [`digit:${digit}`, `a test digit: ${digit}`]);
    const others = Object.keys(OTHERS).map((name) => [`other:${name}`, `no digit: ${name}`]);
    this.samples = select("sample", [["", "none"], ...digits, ...others], "digit:4",
                          (value) => this.choose(value));
    const { list, element } = this.samples;
    const another = button("another of this digit", () => {
      const [kind, which] = list.value.split(":");
      if (kind === "digit") this.turn[which] += 1;
      this.choose(list.value);
    });
    const clear = button("Clear", () => {
      list.value = "";
      this.choose("");
    });
    return inLine(element, another, clear);
  }
}

export default {
  render({ model, el }) {
    const figure = new Drawing(model, el), { a, vae } = figure;
    el.live = { ...vae, neighbours: (at) => neighbours(a, at), prepare,
                terms: (x) => figure.terms(x), rank: (error) => figure.rank(error),
                choose: (value) => figure.choose(value),
                state: () => ({ x: figure.x, code: figure.code }) };
  },
};
