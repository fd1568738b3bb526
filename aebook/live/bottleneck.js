// The bottleneck: the same ten digits through codes of fewer or more bytes, method beside method.

export default {
  render({ model, el }) {
    const { settings } = model.get("header"), a = unpack(model), names = Object.keys(settings), n = a.x.length / 784;
    // Every size at which a method gains something, from the first at which all of them have a code.
    const least = Math.max(...names.map((name) => settings[name].bytes[0]));
    const sizes = [...new Set(names.flatMap((name) => settings[name].bytes))].filter((size) => size >= least).sort((p, q) => p - q);
    const picture = (array, i) => array.subarray(784 * i, 784 * (i + 1)).map((v) => v / 255);
    const psnr = (rmse) => -20 * Math.log10(rmse);
    /** The method's best code of at most so many bytes. */
    const pick = (name, budget) => settings[name].bytes.findLastIndex((size) => size <= budget);
    let budget = 8;

    const strip = (array, first) => surface({ role: "img" }, 1 / n, (context, width) => {
      const side = width / n;
      context.imageSmoothingEnabled = false;
      for (let i = 0; i < n; i++) context.drawImage(bitmap(picture(array, first() * n + i)), i * side + 1, 1, side - 2, side - 2);
    });
    const original = strip(a.x, () => 0);
    original.canvas.setAttribute("aria-label", `${n} test images, as they are`);
    const rows = names.map((name, k) => {
      const title = h("p", { class: "live-title" });
      return { name, title, pixels: strip(a[`x_hat_${k}`], () => pick(name, budget)) };
    });

    // --- the curve
    const every = (key) => names.flatMap((name) => settings[name][key]), log = Math.log10;
    const range = { size: [Math.min(...every("bytes")) / 1.2, Math.max(...every("bytes")) * 1.3],
                    psnr: [psnr(Math.max(...every("rmse"))) - 1, psnr(Math.min(...every("rmse"))) + 4] };
    const within = (list, [low, high]) => list.filter((v) => v > low && v < high);
    const curve = surface({ role: "img" }, 0.42, (context, width, height) => {
      const left = 34, bottom = height - 22;
      const across = scale(...range.size.map(log), left, width), up = scale(...range.psnr, bottom, 0);
      axes(context, (v) => across(log(v)), up, {
        xTicks: within([1, 2, 5, 10, 20, 50, 100], range.size), yTicks: within([5, 10, 15, 20, 25, 30, 35], range.psnr), xName: "bytes an image", yName: "PSNR (dB)", bottom, left, width, height });
      names.forEach((name, k) => {
        const { bytes, rmse } = settings[name], chosen = pick(name, budget);
        context.beginPath();
        bytes.forEach((size, i) => context.lineTo(across(log(size)), up(psnr(rmse[i]))));
        context.strokeStyle = context.fillStyle = [BLUE, RED][k % 2];
        context.lineWidth = 2.5;
        context.setLineDash(k % 2 ? [8, 4] : []);
        context.stroke();
        context.setLineDash([]);
        context.beginPath();
        context.arc(across(log(bytes[chosen])), up(psnr(rmse[chosen])), 6, 0, 2 * Math.PI);
        context.fill();
        const end = bytes.length - 1;
        label(context, name, across(log(bytes[end])), up(psnr(rmse[end])) - 12, { colour: [BLUE, RED][k % 2], align: "right" });
      });
      context.strokeStyle = GREY;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(across(log(budget)), 16);
      context.lineTo(across(log(budget)), bottom);
      context.stroke();
    }, 200);

    const said = h("p", { class: "live-note" });
    function show() {
      const lines = rows.map(({ name, title, pixels }) => {
        const i = pick(name, budget), { bytes, rmse, latents } = settings[name];
        const text = `${name}: ${write(bytes[i], 1)} bytes an image (${latents[i]} latents), RMSE ${write(rmse[i], 3)}, PSNR ${write(psnr(rmse[i]), 1)} dB`;
        title.textContent = text;
        pixels.canvas.setAttribute("aria-label", `The test images as drawn again by ${name} from ${write(bytes[i], 1)} bytes each`);
        pixels.paint();
        return { name, text, error: rmse[i] };
      });
      const best = lines.reduce((p, q) => (q.error < p.error ? q : p));
      said.textContent = `With at most ${write(budget, 1)} bytes an image the smaller error is ${best.name === "PCA" ? "PCA's" : `the ${best.name}'s`}.`;
      curve.canvas.setAttribute("aria-label", `PSNR against bytes. ${lines.map((line) => line.text).join("; ")}`);
      curve.paint();
      say(`${said.textContent} ${lines.map((line) => line.text).join("; ")}`);
    }
    const start = Math.max(sizes.findLastIndex((size) => size <= 8), 0);
    const size = slider("size of the code", { min: 0, max: sizes.length - 1, step: 1, value: start, format: (i) => `${write(sizes[i], 1)} B` },
                        (i) => { budget = sizes[i]; show(); });
    budget = sizes[start];

    el.classList.add("live-figure");
    el.append(size.element, h("p", { class: "live-title" }, "the test images"), original.canvas,
              ...rows.flatMap(({ title, pixels }) => [title, pixels.canvas]), said, curve.canvas);
    const say = announcer(el);
    show();
    /** The error on the pictures shown, computed here. */
    const shownRmse = (k) => {
      const i = pick(names[k], budget), y = a[`x_hat_${k}`].subarray(784 * n * i, 784 * n * (i + 1));
      return Math.sqrt(y.reduce((sum, v, j) => sum + ((v - a.x[j]) / 255) ** 2, 0) / y.length);
    };
    el.live = { sizes, settings, pick, shownRmse, budget: () => budget };
  },
};
