// What the live figures share. This file stands in front of each figure's own module, so that a
// figure is one module without imports. Pictures are arrays of 784 numbers, 0 paper and 1 ink.

const INK = "#1a1a1a", GREY = "#4d4d4d", PALE = "#d9d9d9", BLUE = "#0072B2", RED = "#B83A00";
const GREEN = "#00795A";
// aebook.plots.DIGIT_COLOURS, the four pale ones darkened: small numerals are written in them.
const DIGIT_COLOURS = ["#0072B2", "#CC3311", "#00795A", "#9A6700", "#2D7898",
                       "#882255", "#7A6C1F", "#332288", "#000000", "#661100"];

// --- numbers

/** Half floats as floats, exactly: of each half its bits are put where a float has them, and the
 *  power of two that the exponent is then wrong by is multiplied in. */
function floats(halves) {
  const out = new Float32Array(halves.length), bits = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) {
    bits[i] = (halves[i] & 0x8000) << 16 | (halves[i] & 0x7fff) << 13;
    out[i] *= 2 ** 112;
  }
  return out;
}

const KINDS = { float16: Uint16Array, uint16: Uint16Array, uint8: Uint8Array };

/** An array that Python packed, flat. where: its kind, shape and offset; payload: a DataView. */
function arrayOf([kind, shape, offset], { buffer, byteOffset }) {
  const Kind = KINDS[kind], from = byteOffset + offset, n = shape.reduce((a, b) => a * b, 1);
  const raw = new Kind(buffer.slice(from, from + n * Kind.BYTES_PER_ELEMENT));
  return kind === "float16" ? floats(raw) : new Float32Array(raw);
}

/** The arrays of a model by name: on a page of the book, where figures share them, unpacked. */
function unpack(model) {
  const packed = () => Object.entries(model.get("header").arrays).map(([name, where]) =>
    [name, arrayOf(where, model.get("payload"))]);
  return model.get("arrays") ?? Object.fromEntries(packed());
}

/** x kernel + bias. Zeros of x cost nothing, and half of a hidden layer is zero; the other rows
 *  are added four at a time, which halves the time of one at a time. */
function dense(x, kernel, bias) {
  const out = Float64Array.from(bias), n = out.length, on = [];
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) on.push(i);
  for (let q = 0; q < on.length; q += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((r) => on[q + r] ?? 0);
    const [xa, xb, xc, xd] = [0, 1, 2, 3].map((r) => (q + r < on.length ? x[on[q + r]] : 0));
    for (let j = 0, ka = a * n, kb = b * n, kc = c * n, kd = d * n; j < n; j++)
      out[j] += xa * kernel[ka + j] + xb * kernel[kb + j] +
        xc * kernel[kc + j] + xd * kernel[kd + j];
  }
  return out;
}

const relu = (x) => x.map((v) => Math.max(v, 0));
const softplus = (l) => Math.max(l, 0) + Math.log1p(Math.exp(-Math.abs(l)));
const sigmoid = (l) => 1 / (1 + Math.exp(-l));

/** A picture of the test set, from `unpack`: number i of those that travel with the book. */
const testImage = (a, i) => a.images.subarray(784 * i, 784 * (i + 1)).map((v) => v / 255);

/** For each digit the numbers of its pictures, for `testImage`. */
const imagesByDigit = (a) => Array.from({ length: 10 }, (_, digit) =>
  [...a.image_row.keys()].filter((i) => a.code_y[a.image_row[i]] === digit));

/** Numbers in [0, 1), always the same for a seed: a function that gives the next. */
function uniforms(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Draws from N(0, I) in the plane, always the same for a seed: a function that gives the next. */
function normals(seed) {
  const uniform = uniforms(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  };
}

/** A number as the page writes it, with a real minus sign. */
function write(value, digits = 2) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}
const writePoint = (z, digits = 2) => `(${write(z[0], digits)}, ${write(z[1], digits)})`;
const an = (digit) => (digit === 8 ? "an 8" : `a ${digit}`);

// --- the page

/** An element: attributes by name, functions as listeners, texts and elements as children. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A slider with its name before it and its value after it. */
function slider(name, { min, max, step, value, format = write }, input) {
  const shown = h("span", { class: "live-value", "aria-hidden": "true" });
  const tell = () => {
    shown.textContent = format(+range.value);
    range.setAttribute("aria-valuetext", shown.textContent);
  };
  const moved = () => { tell(); input(+range.value); };
  const range = h("input", { type: "range", min, max, step, input: moved });
  const long = name.length > 3 ? " live-long" : "";
  const element = h("label", { class: `live-slider${long}` }, h("span", {}, name), range, shown);
  const control = { element, range, set(v) { range.value = v; tell(); } };
  control.set(value);
  return control;
}

/** A slider over a list of values. */
function choice(name, values, value, changed) {
  const control = slider(name, { min: 0, max: values.length - 1, step: 1,
    value: values.indexOf(value), format: (i) => String(values[i]) }, (i) => changed(values[i]));
  return { ...control, set: (v) => control.set(values.indexOf(v)) };
}

function checkbox(name, checked, change) {
  const box = h("input", { type: "checkbox", checked, change: () => change(box.checked) });
  return { element: h("label", { class: "live-check" }, box, h("span", {}, name)), box };
}

function select(name, options, value, change) {
  const entries = options.map(([v, text]) =>
    h("option", { value: v, selected: v === value }, text));
  const list = h("select", { change: () => change(list.value) }, ...entries);
  return { element: h("label", { class: "live-select" }, h("span", {}, name), list), list };
}

const button = (name, click) => h("button", { type: "button", click }, name);
const group = (name, ...children) => h("fieldset", {}, h("legend", {}, name), ...children);
const inLine = (...children) => h("div", { class: "live-line" }, ...children);

/** The numbers of now, each below its head, a list of texts and elements, as { element,
 *  show(values) }; a dash where there is none yet. */
function readings(name, heads) {
  const cells = heads.map(() => h("td", {}, "–"));
  const element = h("table", { class: name },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, ...head)))),
    h("tbody", {}, h("tr", {}, ...cells)));
  return { element, show: (values) => values.forEach((v, i) => { cells[i].textContent = v; }) };
}

/** A function that lets a screen reader say a text, the last one when many come at once. */
function announcer(el) {
  const region = h("div", { class: "live-said", role: "status", "aria-live": "polite" });
  el.append(region);
  let timer;
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => { region.textContent = text; }, 500);
  };
}

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A canvas as wide as its place, `shape` times as high but not below `least`; `draw(context,
 *  width, height)` in pixels of the page. `paint()` draws with the next frame, once however often
 *  it was asked. */
function surface(attributes, shape, draw, least = 0) {
  const canvas = h("canvas", attributes);
  let asked = false;
  const size = () => {
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    const [across, down] = [width, height].map((v) => Math.round(v * ratio));
    const fits = canvas.width === across && canvas.height === down;
    return { width, height, ratio, across, down, fits };
  };
  const now = () => {
    asked = false;
    const { width, height, ratio, across, down, fits } = size();
    if (!width) return;
    if (!fits) [canvas.width, canvas.height] = [across, down];
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    draw(context, width, height);
  };
  const paint = () => {
    if (!asked) requestAnimationFrame(now);
    asked = true;
  };
  canvas.style.aspectRatio = `1 / ${shape}`;
  canvas.style.minHeight = `${least}px`;
  new ResizeObserver(() => { if (!size().fits) paint(); }).observe(canvas);
  return { canvas, paint };
}

/** A picture as a small canvas of its own, ink black on white. */
function bitmap(x, side = 28) {
  const canvas = h("canvas", { width: side, height: side }), context = canvas.getContext("2d");
  const data = context.createImageData(side, side);
  for (let i = 0; i < x.length; i++) {
    data.data.fill(255 * (1 - x[i]), 4 * i, 4 * i + 3);
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

/** A framed picture with a caption; show(x, caption, description). */
function frame(caption) {
  let x = new Float32Array(784);
  const pixels = surface({ role: "img", "aria-label": caption }, 1, (context, width) => {
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap(x), 0, 0, width, width);
  });
  const text = h("figcaption", {}, caption);
  return {
    element: h("figure", { class: "live-frame" }, pixels.canvas, text),
    show(picture, says = caption, description = says) {
      x = picture;
      text.textContent = says;
      pixels.canvas.setAttribute("aria-label", description);
      pixels.paint();
    },
  };
}

/** A linear map from [low, high] to [from, to], both ways. */
function scale(low, high, from, to) {
  const slope = (to - from) / (high - low), map = (v) => from + slope * (v - low);
  map.back = (p) => low + (p - from) / slope;
  return map;
}

/** Text with a white rim, legible over whatever lies below. */
function label(context, text, x, y, options = {}) {
  const { colour = INK, size = 14, align = "center", weight = "bold" } = options;
  context.font = `${weight} ${size}px system-ui, sans-serif`;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = "white";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** Ticks and names of two axes along the lower and the left edge. */
function axes(context, x, y, { xTicks, yTicks, xName, yName, bottom, left, width }) {
  context.strokeStyle = context.fillStyle = GREY;
  context.lineWidth = 1;
  context.font = "12px system-ui, sans-serif";
  context.beginPath();
  context.moveTo(left, 0);
  context.lineTo(left, bottom);
  context.lineTo(width, bottom);
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const v of xTicks) {
    context.moveTo(x(v), bottom);
    context.lineTo(x(v), bottom + 4);
    context.fillText(write(v, 0), x(v), bottom + 6);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const v of yTicks) {
    context.moveTo(left - 4, y(v));
    context.lineTo(left, y(v));
    context.fillText(Number.isInteger(v) ? write(v, 0) : write(v, 1), left - 6, y(v));
  }
  context.stroke();
  const quiet = { colour: GREY, size: 12, weight: "" };
  label(context, xName, width - 2, bottom - 14, { ...quiet, align: "right" });
  label(context, yName, left + 5, 8, { ...quiet, align: "left" });
}

/** A line through points, stroked once for each [colour, width, dash], one over the other. */
function strokes(context, path, ...pens) {
  for (const [colour, width, dash = []] of pens) {
    context.beginPath();
    path();
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
  context.setLineDash([]);
}

/** What lies below everything in the plane: its axes, and the codes as small numerals. */
function codes(context, a, classes, x, y, { reach, ...edges }) {
  const ticks = [-4, -2, 0, 2, 4].filter((v) => Math.abs(v) < reach);
  axes(context, x, y, { xTicks: ticks, yTicks: ticks, xName: "z₁", yName: "z₂", ...edges });
  context.font = "bold 10px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  a.code_y.forEach((digit, i) => {
    if (!classes.has(digit)) return;
    context.fillStyle = DIGIT_COLOURS[digit];
    context.fillText(digit, x(a.code_mean[2 * i]), y(a.code_mean[2 * i + 1]));
  });
}

/** The latent plane with the codes of test digits as small numerals: one square, and over it
 *  whatever `over(context, x, y)` draws. `classes` is the set of digits to show. */
function plane(a, attributes, classes, over) {
  const reach = Math.ceil(2 * Math.max(...a.code_mean.map(Math.abs)) + 0.4) / 2;
  const maps = { reach };
  let kept = null, keptFor = "";
  const draw = (context, width, height) => {
    const left = 26, bottom = height - 22, ratio = window.devicePixelRatio || 1;
    const x = scale(-reach, reach, left, width), y = scale(-reach, reach, bottom, 0);
    Object.assign(maps, { x, y });
    const wanted = `${width} ${[...classes].sort()} ${ratio}`;
    if (keptFor !== wanted) {
      kept = h("canvas", { width: width * ratio, height: height * ratio });
      const below = kept.getContext("2d");
      below.scale(ratio, ratio);
      codes(below, a, classes, x, y, { reach, bottom, left, width });
      keptFor = wanted;
    }
    context.drawImage(kept, 0, 0, width, height);
    over(context, x, y);
  };
  return Object.assign(maps, surface(attributes, 1, draw));
}

/** q(z|x) in the plane: the ellipse at 1.5 standard deviations, as in the chapter's figure. */
function spot(context, x, y, mean, logVar, name) {
  const [rx, ry] = [0, 1].map((k) => 1.5 * Math.exp(logVar[k] / 2));
  const ellipse = () =>
    context.ellipse(x(mean[0]), y(mean[1]), x(rx) - x(0), y(0) - y(ry), 0, 0, 2 * Math.PI);
  strokes(context, ellipse, ["white", 5], [INK, 2]);
  label(context, name, x(mean[0] + rx) + 8, y(mean[1] + ry) - 6);
}

/** Which digits the 20 codes nearest to z belong to: [[digit, count], ...], most first. */
function neighbours(a, z, k = 20) {
  const n = z.length, mean = (i, j) => a.code_mean[n * i + j];
  const far = Array.from(a.code_y, (digit, i) =>
    [z.reduce((sum, v, j) => sum + (mean(i, j) - v) ** 2, 0), digit]);
  far.sort((p, q) => p[0] - q[0]);
  const count = new Map();
  for (const [, digit] of far.slice(0, k)) count.set(digit, (count.get(digit) || 0) + 1);
  return [...count].sort((p, q) => q[1] - p[1]);
}

function writeNeighbours(counts) {
  const named = counts.slice(0, 3).map(([digit, count]) => `${count} × ${digit}`);
  if (counts.length > 3) named.push("others");
  return `The 20 nearest test digits: ${named.join(", ")}.`;
}
