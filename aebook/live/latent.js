// The latent explorer: decode at any point of the plane, and travel from one test digit to another.

// The quantiles of N(0, 1) at 0.05, 0.20, ..., 0.95: the chapter's grid.
const QUANTILES = [-1.6448536, -0.8416212, -0.3853205, 0, 0.3853205, 0.8416212, 1.6448536];
const STEPS = 8, START = [2, -0.5];  // START: among the zeros

export default {
  render({ model, el }) {
    const a = unpack(model), vae = vaeOf(a);
    const classes = new Set(Array(10).keys());
    const rows = Array.from({ length: 10 }, (_, digit) =>
      [...a.image_row.keys()].filter((i) => a.code_y[a.image_row[i]] === digit));
    const codeOf = (i) => {
      const row = a.image_row[i], cut = (array) => [...array.subarray(2 * row, 2 * row + 2)];
      return { i, digit: a.code_y[row], mean: cut(a.code_mean), logVar: cut(a.code_log_var) };
    };
    const ends = { A: codeOf(rows[7][0]), B: codeOf(rows[3][0]) };
    let z = START, t = null, grid = false, playing = 0, thumbnails = null;

    // --- the plane
    const map = plane(a, { tabindex: 0, role: "application" }, classes, (context, x, y) => {
      if (grid) {
        thumbnails ??= QUANTILES.flatMap((z2) => QUANTILES.map((z1) => [z1, z2, bitmap(vae.decode([z1, z2]))]));
        const size = Math.max(x(0.3853) - x(0) - 1, 12);
        for (const [z1, z2, picture] of thumbnails) {
          context.drawImage(picture, x(z1) - size / 2, y(z2) - size / 2, size, size);
          context.strokeStyle = PALE;
          context.lineWidth = 1;
          context.strokeRect(x(z1) - size / 2, y(z2) - size / 2, size, size);
        }
      }
      for (const [colour, width, dash] of [["white", 4, []], [INK, 2, [5, 4]]]) {
        context.beginPath();
        context.setLineDash(dash);
        context.moveTo(x(ends.A.mean[0]), y(ends.A.mean[1]));
        context.lineTo(x(ends.B.mean[0]), y(ends.B.mean[1]));
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke();
      }
      context.setLineDash([]);
      for (const name of ["A", "B"]) spot(context, x, y, ends[name].mean, ends[name].logVar, name);
      for (const [colour, width] of [["white", 6], [RED, 2.5]]) {
        context.beginPath();
        context.arc(x(z[0]), y(z[1]), 9, 0, 2 * Math.PI);
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(x(z[0]) + 4 * dx, y(z[1]) + 4 * dy);
          context.lineTo(x(z[0]) + 14 * dx, y(z[1]) + 14 * dy);
        }
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke();
      }
    });
    const clamp = (v) => Math.min(Math.max(v, -map.reach), map.reach);
    const point = (event) => {
      const box = map.canvas.getBoundingClientRect();
      return [map.x.back(event.clientX - box.left), map.y.back(event.clientY - box.top)];
    };
    map.canvas.addEventListener("pointerdown", (event) => {
      map.canvas.setPointerCapture(event.pointerId);
      moveTo(point(event));
    });
    map.canvas.addEventListener("pointermove", (event) => {
      if (map.canvas.hasPointerCapture(event.pointerId)) moveTo(point(event));
    });
    map.canvas.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.5 : 0.1;
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!by && event.key !== "Home") return;
      event.preventDefault();
      moveTo(by ? [z[0] + step * by[0], z[1] + step * by[1]] : [0, 0]);
    });

    // --- pictures and controls
    const decoded = frame("decoded"), pictures = { A: frame("A"), B: frame("B") };
    const nearest = h("p", { class: "live-note" });
    const bounds = { min: -map.reach, max: map.reach, step: 0.01, value: 0 };
    const sliders = [0, 1].map((k) =>
      slider(`z${"₁₂"[k]}`, bounds, (v) => moveTo(k ? [z[0], v] : [v, z[1]])));
    const boxes = rows.map((_, digit) => checkbox(String(digit), true, (on) => {
      on ? classes.add(digit) : classes.delete(digit);
      map.paint();
      say(`${classes.size} of 10 digits shown`);
    }));
    const all = (on) => {
      boxes.forEach(({ box }, digit) => { if (box.checked !== on) box.click(); });
    };
    const over = checkbox("the 7 × 7 grid, decoded", false, (on) => {
      grid = on;
      map.paint();
      say(on ? "Grid shown: 49 places of equal prior mass between them" : "Grid hidden");
    });
    const chooser = (name) => {
      const digits = Array.from({ length: 10 }, (_, digit) => [String(digit), an(digit)]);
      const pick = (i) => { ends[name] = codeOf(i); show(name); travel(name === "A" ? 0 : 1); };
      const list = select(`${name} is`, digits, String(ends[name].digit), (v) => pick(rows[v][0]));
      const another = button(`another ${name}`, () => {
        const mine = rows[ends[name].digit];
        pick(mine[(mine.indexOf(ends[name].i) + 1) % mine.length]);
      });
      return h("div", { class: "live-line" }, list.element, another);
    };
    const way = slider("way from A to B", { min: 0, max: 1, step: 0.01, value: 0 }, (v) => { stop(); travel(v); });
    const play = button("", () => {
      if (playing) return stop();
      if (reducedMotion()) return travel(t === null || t >= 1 ? 0 : Math.min(1, (Math.floor(t * STEPS) + 1) / STEPS));
      const start = performance.now(), from = t === null || t >= 1 ? 0 : t;
      const go = (time) => {
        travel(Math.min(1, from + Math.max(0, time - start) / 4000));
        playing = t < 1 ? requestAnimationFrame(go) : 0;
        name();
      };
      playing = requestAnimationFrame(go);
      name();
    });
    const name = () => { play.textContent = reducedMotion() ? "Step" : playing ? "Stop" : "Play"; };
    const stop = () => { cancelAnimationFrame(playing); playing = 0; name(); };

    // --- what happens
    function moveTo(to) {
      stop();
      t = null;
      decodeAt(to.map(clamp));
    }
    function travel(to) {
      t = to;
      way.set(t);
      decodeAt(ends.A.mean.map((m, k) => (1 - t) * m + t * ends.B.mean[k]));
    }
    function decodeAt(to) {
      z = to;
      const counts = neighbours(a, z), near = writeNeighbours(counts);
      sliders.forEach((s, k) => s.set(z[k]));
      const where = `decoded at z = ${writePoint(z)}`;
      decoded.show(vae.decode(z), where, `Picture ${where}, among ${counts[0][0]}s`);
      nearest.textContent = near;
      map.canvas.setAttribute("aria-label",
        `Latent plane. The point is at z = ${writePoint(z)}. Arrow keys move it by 0.1, with Shift by 0.5; Home goes to 0.`);
      map.paint();
      say(`z = ${writePoint(z)}. ${near}`);
    }
    function show(which) {
      const { i, digit, mean, logVar } = ends[which];
      const sigma = [...logVar].map((v) => Math.exp(v / 2));
      pictures[which].show(testImage(a, i), `${which}: test image, ${an(digit)}; σ = ${writePoint(sigma)}`);
      map.paint();
    }

    el.classList.add("live-figure");
    el.append(
      h("div", { class: "live-row" },
        h("div", { class: "live-main" }, map.canvas),
        h("div", { class: "live-side" }, decoded.element, pictures.A.element, pictures.B.element)),
      nearest,
      group("Where to decode", ...sliders.map((s) => s.element)),
      group("Test digits in the plane", h("div", { class: "live-line" }, ...boxes.map((b) => b.element)),
        h("div", { class: "live-line" }, button("all", () => all(true)), button("none", () => all(false)), over.element)),
      group("From one test digit to another", h("div", { class: "live-line" }, chooser("A"), chooser("B")),
        way.element, h("div", { class: "live-line" }, play)));
    const say = announcer(el);
    name();
    show("A");
    show("B");
    decodeAt(START);
    el.live = { ...vae, neighbours: (at) => neighbours(a, at), where: () => z, moveTo, ends };
  },
};
