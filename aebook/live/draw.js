// Draw a digit: the encoder's answer, its reconstruction, and the two terms of the loss.

const SIDE = 140, PEN = 13;  // the drawing is 140 x 140, five times MNIST's 28, the pen 2.6 of its pixels

// Drawings that are no digits: lines through points of a 100 x 100 sheet.
const OTHERS = {
  "the letter A": [[[15, 95], [50, 5], [85, 95]], [[30, 60], [70, 60]]],
  "the letter K": [[[25, 5], [25, 95]], [[80, 5], [25, 50], [80, 95]]],
  "a house": [[[15, 45], [15, 95], [85, 95], [85, 45], [15, 45], [50, 5], [85, 45]], [[42, 95], [42, 68], [58, 68], [58, 95]]],
  "a star": [[[50, 0], [79, 90], [2, 35], [98, 35], [21, 90], [50, 0]]],
  "a lattice": [[[30, 0], [30, 100]], [[70, 0], [70, 100]], [[0, 30], [100, 30]], [[0, 70], [100, 70]]],
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

/** A drawing as MNIST prepares one: fitted into 20 x 20 pixels, its centre of mass moved to the
 *  middle of 28 x 28 by whole pixels. ink: side * side numbers. Null for a blank sheet. */
function prepare(ink, side) {
  let left = side, right = -1, top = side, bottom = -1;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] < 0.02) continue;
    const x = i % side, y = Math.floor(i / side);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (right < 0) return null;
  const size = Math.max(right - left, bottom - top) + 1, pixel = size / 20;
  const x0 = left - (size - (right - left + 1)) / 2, y0 = top - (size - (bottom - top + 1)) / 2;
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
  // MNIST's centres of mass lie within half a pixel of the middle of pixel (14, 14), counted from 0.
  const [dx, dy] = [mx, my].map((m) => Math.min(Math.max(Math.round(14.5 - m / mass), 0), 8));
  const x = new Float64Array(784);
  box.forEach((v, i) => { x[28 * (Math.floor(i / 20) + dy) + i % 20 + dx] = Math.min(v, 1); });
  return x;
}

export default {
  render({ model, el }) {
    const a = unpack(model), vae = vaeOf(a), usual = model.get("header").settings.reconstruction_percentiles;
    const sheet = h("canvas", { width: SIDE, height: SIDE }), pen = sheet.getContext("2d", { willReadFrequently: true });
    let x = null, code = null, last = null, drawn = "nothing";

    function clear() {
      pen.fillStyle = "white";
      pen.fillRect(0, 0, SIDE, SIDE);
      Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
    }
    function ink() {
      const data = pen.getImageData(0, 0, SIDE, SIDE).data;
      return Float32Array.from({ length: SIDE * SIDE }, (_, i) => 1 - data[4 * i] / 255);
    }

    // --- the paper
    const paper = surface({ role: "img", "aria-label": "Paper to draw on with mouse or finger" }, 1, (context, width) => {
      context.drawImage(sheet, 0, 0, width, width);
      if (drawn === "nothing") {
        context.fillStyle = GREY;
        context.font = "15px system-ui, sans-serif";
        context.textAlign = "center";
        context.fillText("draw here", width / 2, width / 2);
      }
    });
    paper.canvas.classList.add("live-paper");
    const at = (event) => {
      const box = paper.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * SIDE, (event.clientY - box.top) / box.height * SIDE];
    };
    const line = (from, to) => {
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    };
    paper.canvas.addEventListener("pointerdown", (event) => {
      paper.canvas.setPointerCapture(event.pointerId);
      if (drawn !== "your drawing") clear();
      drawn = "your drawing";
      samples.list.value = "";
      last = at(event);
      line(last, last);
      answer();
    });
    paper.canvas.addEventListener("pointermove", (event) => {
      if (!paper.canvas.hasPointerCapture(event.pointerId)) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const to = at(one);
        line(last, to);
        last = to;
      }
      answer();
    });

    // --- the answer
    const map = plane(a, { role: "img" }, new Set(Array(10).keys()), (context, px, py) => {
      if (!code) return;
      const [u, v] = [px(code.mean[0]), py(code.mean[1])], ends = [px(-map.reach), px(map.reach), py(-map.reach), py(map.reach)];
      for (const [colour, width, dash] of [["white", 3.5, []], [INK, 1, [3, 3]]]) {
        context.beginPath();
        context.setLineDash(dash);
        const lines = [[u - 12, v, ends[0], v], [u + 12, v, ends[1], v], [u, v + 12, u, ends[2]], [u, v - 12, u, ends[3]]];
        for (const [x0, y0, x1, y1] of lines) {
          context.moveTo(x0, y0);
          context.lineTo(x1, y1);
        }
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke();
      }
      context.setLineDash([]);
      spot(context, px, py, code.mean, code.logVar, "");
    });
    const seen = frame("what the encoder sees"), copy = frame("reconstruction");
    const rows = ["reconstruction", "KL", "sum, −ELBO"].map((name) => {
      const cell = h("td");
      return { row: h("tr", {}, h("th", { scope: "row" }, name), cell), cell };
    });
    const verdict = h("p", { class: "live-note" });

    function terms(picture) {
      const { mean, logVar } = vae.encode(picture), logits = vae.logits(mean);
      return { mean, logVar, x_hat: logits.map(sigmoid), reconstruction: vae.reconstruction(picture, logits), kl: vae.kl(mean, logVar) };
    }
    /** How many per cent of the test digits are reconstructed with a smaller error. */
    const rank = (error) => usual.filter((q) => q < error).length - (error > usual[100] ? 1 : 0);

    function answer() {
      paper.paint();
      code = x && terms(x);
      if (drawn === "your drawing") code = (x = prepare(ink(), SIDE)) && terms(x);
      paper.canvas.setAttribute("aria-label", `Paper to draw on with mouse or finger. It shows ${drawn}.`);
      if (code) {
        const error = code.reconstruction, percent = rank(error), sigma = [...code.logVar].map((v) => Math.exp(v / 2));
        seen.show(x, "what the encoder sees", `What the encoder sees: ${drawn}`);
        copy.show(code.x_hat, "reconstruction", "Reconstruction: what the decoder draws at the mean of q");
        [error, code.kl, error + code.kl].forEach((v, i) => { rows[i].cell.textContent = `${write(v, 1)} nats`; });
        const near = neighbours(a, code.mean);
        verdict.textContent = `q(z|x) has mean ${writePoint(code.mean)} and σ ${writePoint(sigma)}. ${writeNeighbours(near)} ` +
          `The reconstruction error is larger than for ${percent} % of the test digits` +
          (percent >= 95 ? ": the model can hardly draw this. The encoder gave it an address all the same." : ".");
        map.canvas.setAttribute("aria-label", `Latent plane with the ellipse of q(z|x) at mean ${writePoint(code.mean)}`);
      } else {
        const blank = new Float32Array(784);
        for (const picture of [seen, copy]) picture.show(blank);
        rows.forEach(({ cell }) => { cell.textContent = "–"; });
        verdict.textContent = "Draw a digit, or choose a sample.";
        map.canvas.setAttribute("aria-label", "Latent plane with the codes of a thousand test digits");
      }
      map.paint();
      say(code ? `Reconstruction ${rows[0].cell.textContent}, KL ${rows[1].cell.textContent}. ${verdict.textContent}` : verdict.textContent);
    }

    // --- samples
    const digits = Array.from({ length: 10 }, (_, digit) => [...a.image_row.keys()].filter((i) => a.code_y[a.image_row[i]] === digit));
    const show = {
      digit(i) {
        x = testImage(a, i);
        drawn = `a test digit, ${an(a.code_y[a.image_row[i]])}`;
        pen.imageSmoothingEnabled = false;
        pen.drawImage(bitmap(x), 0, 0, SIDE, SIDE);
      },
      other(name) {
        drawn = name;
        for (const points of OTHERS[name])
          for (let i = 1; i < points.length; i++)
            line(...[points[i - 1], points[i]].map((p) => p.map((v) => 20 + v * (SIDE - 40) / 100)));
        x = prepare(ink(), SIDE);
      },
    };
    const choose = (value) => {
      const [kind, which] = value.split(":");
      clear();
      x = null;
      drawn = "nothing";
      if (kind) show[kind](kind === "digit" ? digits[+which][turn[which] % digits[which].length] : which);
      answer();
    };
    const turn = Array(10).fill(0);
    const samples = select("sample", [["", "none"], ...digits.map((_, d) => [`digit:${d}`, `a test digit: ${d}`]),
                                      ...Object.keys(OTHERS).map((name) => [`other:${name}`, `no digit: ${name}`])], "digit:4", choose);
    const another = button("another of this digit", () => {
      const [kind, which] = samples.list.value.split(":");
      if (kind === "digit") turn[which] += 1;
      choose(samples.list.value);
    });

    el.classList.add("live-figure");
    el.append(
      h("div", { class: "live-row" },
        h("div", { class: "live-half" }, h("p", { class: "live-title" }, "Your drawing"), paper.canvas),
        h("div", { class: "live-half" }, h("p", { class: "live-title" }, "Where the encoder puts it"), map.canvas)),
      h("div", { class: "live-line" }, samples.element, another, button("Clear", () => { samples.list.value = ""; choose(""); })),
      h("div", { class: "live-row live-answer" }, seen.element, copy.element,
        h("table", {}, h("caption", {}, "Minus the ELBO, at the mean of q(z|x)"), h("tbody", {}, ...rows.map((r) => r.row)))),
      verdict);
    const say = announcer(el);
    choose("digit:4");
    el.live = { ...vae, neighbours: (at) => neighbours(a, at), prepare, terms, rank, choose, state: () => ({ x, code }) };
  },
};
