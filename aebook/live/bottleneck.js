// The bottleneck: the same ten digits through codes of fewer or more bytes, method beside method.

const COLOURS = [BLUE, RED], DASHES = [[], [8, 4]];  // of the first method, of the second
const log = Math.log10;
const psnr = (rmse) => -20 * log(rmse);
const within = (list, [low, high]) => list.filter((v) => v > low && v < high);

/** The method's best code of at most so many bytes. */
const bestWithin = (method, budget) => method.bytes.findLastIndex((size) => size <= budget);

/** Every size at which a method gains something, from the first at which all have a code. */
function sizesOf(methods) {
  const least = Math.max(...methods.map(({ bytes }) => bytes[0]));
  const sizes = new Set(methods.flatMap(({ bytes }) => bytes));
  return [...sizes].filter((size) => size >= least).sort((p, q) => p - q);
}

/** n pictures side by side: those of `array` from the picture `first()` on. */
function strip(array, n, first) {
  const picture = (i) => array.subarray(784 * i, 784 * (i + 1)).map((v) => v / 255);
  return surface({ role: "img" }, 1 / n, (context, width) => {
    const side = width / n;
    context.imageSmoothingEnabled = false;
    for (let i = 0; i < n; i++)
      context.drawImage(bitmap(picture(first() + i)), i * side + 1, 1, side - 2, side - 2);
  });
}

/** The smallest and the largest of what is drawn, with room for names: { size, quality }. */
function rangeOf(methods) {
  const bytes = methods.flatMap((method) => method.bytes);
  const errors = methods.flatMap((method) => method.rmse);
  return { size: [Math.min(...bytes) / 1.2, Math.max(...bytes) * 1.3],
           quality: [psnr(Math.max(...errors)) - 1, psnr(Math.min(...errors)) + 4] };
}

/** One method's PSNR against its bytes, with a dot at the code that is shown. */
function drawMethod(context, x, y, name, { bytes, rmse }, chosen, k) {
  const colour = COLOURS[k % 2], end = bytes.length - 1;
  const at = (i) => [x(bytes[i]), y(psnr(rmse[i]))];
  strokes(context, () => bytes.forEach((_, i) => context.lineTo(...at(i))),
          [colour, 2.5, DASHES[k % 2]]);
  context.fillStyle = colour;
  context.beginPath();
  context.arc(...at(chosen), 6, 0, 2 * Math.PI);
  context.fill();
  label(context, name, at(end)[0], Math.max(at(end)[1] - 12, 8), { colour, align: "right" });
}

/** PSNR against bytes of every method, and a line at `budget()`. */
function curves(settings, budget) {
  const range = rangeOf(Object.values(settings));
  return surface({ role: "img" }, 0.42, (context, width, height) => {
    const left = 34, bottom = height - 22;
    const across = scale(...range.size.map(log), left, width), x = (size) => across(log(size));
    const y = scale(...range.quality, bottom, 0);
    axes(context, x, y, {
      xTicks: within([1, 2, 5, 10, 20, 50, 100], range.size), xName: "bytes an image",
      yTicks: within([5, 10, 15, 20, 25, 30, 35], range.quality), yName: "PSNR (dB)",
      bottom, left, width });
    Object.entries(settings).forEach(([name, method], k) =>
      drawMethod(context, x, y, name, method, bestWithin(method, budget()), k));
    strokes(context, () => {
      context.moveTo(x(budget()), 16);
      context.lineTo(x(budget()), bottom);
    }, [GREY, 1]);
  }, 140);
}

/** A method's pictures under a title that says what they cost: { elements, show }. */
function methodRow(name, method, pictures, n, budget) {
  const chosen = () => bestWithin(method, budget());
  const title = h("p", { class: "live-title" }), pixels = strip(pictures, n, () => n * chosen());
  return {
    elements: [title, pixels.canvas],
    /** Draw what the budget buys now, and say it: { name, text, error }. */
    show() {
      const { bytes, latents, rmse } = method, i = chosen(), cost = write(bytes[i], 1);
      const text = `${name}: ${cost} bytes an image (${latents[i]} latents), ` +
        `RMSE ${write(rmse[i], 3)}, PSNR ${write(psnr(rmse[i]), 1)} dB`;
      title.textContent = text;
      pixels.canvas.setAttribute("aria-label",
        `The test images as drawn again by ${name} from ${cost} bytes each`);
      pixels.paint();
      return { name, text, error: rmse[i] };
    },
  };
}

/** Which method has the smaller error at this budget, in words. */
function verdict(shown, budget) {
  const best = shown.reduce((p, q) => (q.error < p.error ? q : p)).name;
  return `With at most ${write(budget, 1)} bytes an image the smaller error is ` +
    `${best === "PCA" ? "PCA's" : `the ${best}'s`}.`;
}

// --- the reader's own drawing

/** Of a method, what encodes and decodes: { to, from, settings }, pictures to latents and back.
 *  settings: of each step its width, the lowest whole number, and how often each occurs. */
function codecOf(a, name, settings) {
  const layers = ["encoding", "code", "decoding", "logits"].map((part) => `${name}_${part}`);
  const tables = settings.map((_, i) => a[`${name}_tables_${i}`]);
  if (`${layers[0]}_kernel` in a) {
    const [to, from] = [networkOf(a, ...layers.slice(0, 2)), networkOf(a, ...layers.slice(2))];
    return { to, from: (z) => from(z).map(sigmoid), settings, tables };
  }
  const mean = a[`${name}_mean`], { kernel, bias } = layerOf(a, layers[1]), k = bias.length;
  const from = (z) => Float64Array.from(mean, (m, i) => {
    let sum = m;
    for (let j = 0; j < k; j++) sum += kernel[i * k + j] * z[j];
    return Math.min(Math.max(sum, 0), 1);
  });
  return { to: (x) => dense(x, kernel, bias), from, settings, tables };
}

/** A picture through a code: { x_hat, bytes }, Shannon's count of its whole numbers. */
function through({ to, from, settings, tables }, x, i) {
  const { step, low } = settings[i], z = to(x), levels = tables[i].length / z.length;
  let bits = 0;
  const back = z.map((v, j) => {
    const symbol = Math.min(Math.max(nearest(v / step) - low, 0), levels - 1);
    bits += Math.log2(65536 / tables[i][j * levels + symbol]);
    return (symbol + low) * step;
  });
  return { x_hat: from(back), bytes: bits / 8 };
}

/** NumPy's rint: a half goes to the even number. */
const nearest = (v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));

const rootOfMean = (x, y) =>
  Math.sqrt(x.reduce((sum, v, i) => sum + (v - y[i]) ** 2, 0) / x.length);

/** What is drawn, and what each method makes of it: { element, show(), result() }. */
function ownDrawing(codecs, budget, say) {
  const names = Object.keys(codecs), blank = new Float32Array(784);
  let x = null, results = [];
  const frames = names.map((name) => frame(name));
  const show = () => {
    results = names.map((name, k) => {
      const codec = codecs[name], mean = codec.settings.map(({ bytes }) => bytes);
      const i = Math.max(mean.findLastIndex((bytes) => bytes <= budget()), 0);
      const made = x && through(codec, x, i), { latents } = codec.settings[i];
      const error = x && rootOfMean(x, made.x_hat);
      const costs = made ? `${name}: ${write(made.bytes, 1)} bytes, ${write(psnr(error), 1)} dB`
        : `${name}: –`;
      frames[k].show(made ? made.x_hat : blank, costs, `Your drawing by ${costs}`);
      return { ...made, error, i, latents, costs };
    });
  };
  const changed = () => {
    x = pictureOf(paper.strokes);
    show();
    say(results.map(({ costs }) => costs).join("; "));
  };
  const paper = paperToDrawOn(["draw here"], changed);
  paper.surface.canvas.setAttribute("aria-label", "Paper to draw on with mouse or finger");
  const own = h("figure", { class: "live-frame" }, paper.surface.canvas,
                h("figcaption", {}, "your own drawing"));
  const element = h("div", { class: "squeeze-own" }, own, ...frames.map((one) => one.element));
  return { element, show, clear() { paper.clear(); changed(); }, result: () => ({ x, results }) };
}

// --- the figure

class Squeeze {
  constructor(model, el) {
    const { settings: { own, ...settings } } = model.get("header"), a = unpack(model);
    Object.assign(this, { el, a, settings, names: Object.keys(settings), n: a.x.length / 784,
                          sizes: sizesOf(Object.values(settings)) });
    this.start = Math.max(this.sizes.findLastIndex((bytes) => bytes <= 8), 0);
    this.at = this.start;
    this.budget = () => this.sizes[this.at];
    this.codecs = Object.fromEntries(this.names.map((name) =>
      [name, codecOf(a, name, own[name])]));
    this.build();
    this.follow = followAddress("bottleneck", (said) => this.open(said, false));
    this.open(fromAddress("bottleneck") ?? new URLSearchParams(), false);
  }

  build() {
    const { a, el, n, names, settings, sizes, budget } = this;
    const original = strip(a.x, n, () => 0);
    original.canvas.setAttribute("aria-label", `${n} test images, as they are`);
    original.paint();
    this.curve = curves(settings, budget);
    this.rows = names.map((name, k) => methodRow(name, settings[name], a[`x_hat_${k}`], n, budget));
    this.said = h("p", { class: "live-note scene-note" });
    this.size = slider("size of the code", { min: 0, max: sizes.length - 1, step: 1, value: 0,
      format: (i) => `${write(sizes[i], 1)} B` }, (i) => this.choose(i));
    this.own = ownDrawing(this.codecs, budget, (text) => this.say(text));
    el.classList.add("live-figure", "scene", "squeeze");
    el.append(
      h("p", { class: "live-note" }, "Give the ten digits fewer bytes with the slider. How does " +
        "each method fail? Then draw something of your own."),
      this.size.element, original.canvas, ...this.rows.flatMap(({ elements }) => elements),
      this.said,
      h("div", { class: "squeeze-parts" }, this.curve.canvas, this.own.element),
      inLine(button("Clear", () => this.own.clear()),
             button("Reset", () => { this.own.clear(); this.open(new URLSearchParams()); })));
    this.say = announcer(el);
  }

  /** The size that an address names: the largest of at most so many bytes. */
  open(said, named = true) {
    const { sizes, start } = this;
    const bytes = numberIn(said, "size", [sizes[0], sizes.at(-1)], sizes[start]);
    this.choose(Math.max(sizes.findLastIndex((size) => size <= bytes + 0.005), 0), named);
  }

  choose(at, named = true) {
    this.at = at;
    this.size.set(at);
    const shown = this.rows.map((row) => row.show());
    const texts = shown.map(({ text }) => text).join("; ");
    this.said.textContent = verdict(shown, this.budget());
    this.curve.canvas.setAttribute("aria-label", `PSNR against bytes. ${texts}`);
    this.curve.paint();
    this.own.show();
    this.say(`${this.said.textContent} ${texts}`);
    if (named) toAddress("bottleneck", { size: this.budget() }, { size: this.sizes[this.start] });
  }

  /** The error on the pictures shown, computed here. */
  shownRmse(k) {
    const { a, n, names, settings } = this, i = bestWithin(settings[names[k]], this.budget());
    const y = a[`x_hat_${k}`].subarray(784 * n * i, 784 * n * (i + 1));
    return Math.sqrt(y.reduce((sum, v, j) => sum + ((v - a.x[j]) / 255) ** 2, 0) / y.length);
  }
}

export default {
  render({ model, el }) {
    const figure = new Squeeze(model, el), { sizes, settings, codecs } = figure;
    el.live = { sizes, settings, shownRmse: (k) => figure.shownRmse(k),
                through: (name, x, i) => through(codecs[name], x, i),
                pick: (name, bytes) => bestWithin(settings[name], bytes),
                budget: () => figure.budget(),
                state: () => ({ budget: figure.budget(), ...figure.own.result() }) };
    return () => figure.follow();
  },
};
