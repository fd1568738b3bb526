// Drives the engine of the live figures for tests/test_engine.py: a task comes as JSON, the answer
// goes as JSON; arrays travel as base64 of their bytes.
import { readFileSync } from "node:fs";

const task = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const floats = (text) => new Float32Array(bytes(text).buffer);
const text = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  .toString("base64");
// An engine for one figure has what that one needs.
const NAMES = ["makeArena", "plainKernel", "Random", "Vae", "Learner", "inflate", "Gan", "judge",
               "yardstick", "table"];
const { makeArena, plainKernel, Random, Vae, Learner, inflate, Gan, judge, yardstick, table } =
  new Function(`${task.engine}; return { ${NAMES.map((name) =>
    `${name}: typeof ${name} === "undefined" ? null : ${name}`)} }`)();

const arena = await makeArena(task.wasm && bytes(task.wasm));

const jobs = {
  /** Given weights, pictures and noise: terms, gradients and weights after some of the steps. */
  train({ net, weights, x, noise, n, beta, rate, stops }) {
    const vae = new Vae(arena, { ...net, batch: n, random: new Random(1) }), seen = {};
    vae.w.set(floats(weights));
    const pictures = floats(x), draws = floats(noise), batches = pictures.length / 784 / n;
    for (let step = 1; step <= Math.max(...stops); step++) {
      const at = (step - 1) % batches;
      vae.x.set(pictures.subarray(at * n * 784, (at + 1) * n * 784));
      vae.noise.set(draws.subarray((step - 1) * 2 * n, step * 2 * n));
      const terms = vae.step(n, beta, rate);
      if (stops.includes(step)) seen[step] = { ...terms, g: text(vae.g), w: text(vae.w) };
    }
    return seen;
  },

  /** Each function of the kernel on given arrays: what it answers, and the arrays afterwards. */
  calls({ calls }) {
    return calls.map(({ name, given }) => {
      arena.clear();
      const placed = given.map((v) => {
        if (typeof v === "number") return v;
        const array = floats(v), here = arena.zeros(array.length);
        here.set(array);
        return here;
      });
      const answer = arena.kernel[name](...placed) ?? null;
      return { answer, arrays: placed.filter((v) => v.length).map(text) };
    });
  },

  /** The figure's own worker, without its page: the loss on held-out digits, for each seed. */
  async figure({ digits, nTrain, hidden, seeds, steps, rate }) {
    const learner = new Learner(arena, await inflate(bytes(digits)), nTrain);
    Object.assign(learner, { rate });
    return seeds.map((seed) => {
      learner.restart({ hidden, seed, optimizer: "adam" });
      while (learner.steps < steps) learner.step();
      const { reconstruction, kl } = learner.measure();
      return reconstruction + kl;
    });
  },

  /** Chapter 10's GAN from given weights, guests and noise: losses, gradients and weights. */
  gan({ weights, guests, noise, how, n, stops }) {
    const gan = new Gan(arena, 1, { weights: [0.5, 0.5], means: [0, 5], sds: [1, 1] }), seen = {};
    const { discriminator, generator } = gan, x = floats(guests), z = floats(noise);
    discriminator.w.set(floats(weights.discriminator));
    generator.w.set(floats(weights.generator));
    for (let round = 1; round <= Math.max(...stops); round++) {
      const at = round - 1, one = z.subarray(4 * n * at, 4 * n * at + 2 * n);
      const other = z.subarray(4 * n * at + 2 * n, 4 * n * (at + 1));
      const losses = [gan.learn(x.subarray(n * at, n * (at + 1)), one, n, how),
                      gan.fool(other, n, how)];
      const of = (key) => ({ discriminator: text(discriminator[key]),
                             generator: text(generator[key]) });
      if (stops.includes(round)) seen[round] = { losses, g: of("g"), w: of("w") };
    }
    return seen;
  },

  /** Whole games of the figure, each from its seed: how they are judged at the end. */
  games({ seeds, rounds, how, truth, valley }) {
    const started = performance.now();
    yardstick(truth);
    const ends = seeds.map((seed) => {
      arena.clear();
      const game = new Gan(arena, seed, truth);
      while (game.rounds < rounds) game.play(how);
      const { says } = game.verdicts(Float32Array.from({ length: 111 }, (_, i) => -3 + i / 10));
      const x = game.samples(table.noise);
      return { ...judge(x, table.sorted, truth, valley), x: text(x), sorted: text(table.sorted),
               alive: Math.max(...says) - Math.min(...says) };
    });
    return { ends, ms: (performance.now() - started) / seeds.length / rounds };
  },

  random({ seed, n }) {
    const random = new Random(seed);
    return { uniform: Array.from({ length: n }, () => random.uniform()),
             normal: Array.from({ length: n }, () => random.normal()),
             order: [...random.order(n)] };
  },
};

const answer = { plain: arena.kernel === plainKernel, of: await jobs[task.job](task) };
process.stdout.write(JSON.stringify(answer), () => process.exit());
