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
  label(context, name, at(end)[0], at(end)[1] - 12, { colour, align: "right" });
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
  }, 200);
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

export default {
  render({ model, el }) {
    const { settings } = model.get("header"), a = unpack(model), names = Object.keys(settings);
    const n = a.x.length / 784, sizes = sizesOf(Object.values(settings));
    const start = Math.max(sizes.findLastIndex((bytes) => bytes <= 8), 0);
    let budget = sizes[start];
    const original = strip(a.x, n, () => 0), curve = curves(settings, () => budget);
    original.canvas.setAttribute("aria-label", `${n} test images, as they are`);
    const rows = names.map((name, k) =>
      methodRow(name, settings[name], a[`x_hat_${k}`], n, () => budget));
    const said = h("p", { class: "live-note" });

    function show() {
      const shown = rows.map((row) => row.show()), texts = shown.map(({ text }) => text).join("; ");
      said.textContent = verdict(shown, budget);
      curve.canvas.setAttribute("aria-label", `PSNR against bytes. ${texts}`);
      curve.paint();
      say(`${said.textContent} ${texts}`);
    }
    const size = slider("size of the code", {
      min: 0, max: sizes.length - 1, step: 1, value: start,
      format: (i) => `${write(sizes[i], 1)} B`,
    }, (i) => { budget = sizes[i]; show(); });

    el.classList.add("live-figure");
    el.append(size.element, h("p", { class: "live-title" }, "the test images"), original.canvas,
              ...rows.flatMap(({ elements }) => elements), said, curve.canvas);
    const say = announcer(el);
    show();
    const pick = (name, bytes) => bestWithin(settings[name], bytes);
    /** The error on the pictures shown, computed here. */
    const shownRmse = (k) => {
      const i = pick(names[k], budget);
      const y = a[`x_hat_${k}`].subarray(784 * n * i, 784 * n * (i + 1));
      return Math.sqrt(y.reduce((sum, v, j) => sum + ((v - a.x[j]) / 255) ** 2, 0) / y.length);
    };
    el.live = { sizes, settings, pick, shownRmse, budget: () => budget };
  },
};
