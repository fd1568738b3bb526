// Generator and discriminator: chapter 10's GAN in one dimension is trained in the page, by the
// worker of engine/gan.js. Here is what is seen of it: samples, what D says, where it pulls them.

const RATES = { "1/30": 1 / 30, "1/10": 0.1, "1/3": 1 / 3, 1: 1, 3: 3, 10: 10, 30: 30 };
const RATE_NAMES = ["1/30", "1/10", "1/3", "1", "3", "10", "30"];
const DECAYS = [0, 0.001, 0.003, 0.01, 0.03];
const AT_FIRST = { discriminator: "1", generator: "1", decay: 0, seed: 1, games: 1 };
const PRESETS = {
  "equal rates": { discriminator: "1", generator: "1", decay: 0 },
  "slow discriminator": { discriminator: "1/30", generator: "1", decay: 0 },
  "strong decay": { discriminator: "1", generator: "1", decay: 0.03 },
};
const LENGTH = 1200, MANY = 20;  // rounds, as in the chapter, and from each change on as many again
const FROM = -5, TO = 10, BIN = { from: -6, wide: 0.25 };  // of the plot in hours; engine/gan.js
const SKY = "#8fc7ea", MARKS = { both: "✓", one: "●", none: "–" };
const SHOWN = 500;  // ms between drawings where motion is reduced
/** Rounds a second that the eye can follow, more and more of them. */
const paceAt = (round) => Math.min(60 + round / 3, 400);

/** What an address says of this figure, as #gan?discriminator=1/30&seed=2: what it may be. */
function stateIn(said) {
  const state = {};
  for (const [key, text] of said) {
    const value = Number(text);
    if (["discriminator", "generator"].includes(key) && text in RATES) state[key] = text;
    if (key === "decay" && DECAYS.includes(value)) state[key] = value;
    if (key === "seed" && Number.isInteger(value) && value > 0) state[key] = value;
    if (key === "games" && [1, MANY].includes(value)) state[key] = value;
  }
  return state;
}

const normal = (x, mean, sd) =>
  Math.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * Math.sqrt(2 * Math.PI));
const densityOf = ({ weights, means, sds }) => (x) =>
  weights.reduce((sum, w, k) => sum + w * normal(x, means[k], sds[k]), 0);

// --- what is drawn

const HOURS = Array.from({ length: 151 }, (_, i) => FROM + i / 10);

function drawCurve(context, x, y, density, ...pens) {
  strokes(context, () => HOURS.forEach((v) => context.lineTo(x(v), y(density(v)))), ...pens);
}

/** The samples as bars: their density in each quarter of an hour. */
function drawSamples(context, x, y, { counts, n }) {
  context.fillStyle = SKY;
  counts.forEach((count, k) => {
    const from = BIN.from + k * BIN.wide, top = y(count / n / BIN.wide);
    if (count && from >= FROM && from < TO)
      context.fillRect(x(from), top, x(BIN.wide) - x(0) - 1, y(0) - top);
  });
}

/** Some samples below the axis, each with an arrow to where the discriminator pulls it. */
function drawPulls(context, x, { shown, pulls }, top, deep) {
  const line = (i) => top + 4 + (i % 6) * (deep - 8) / 5;
  shown.forEach((v, i) => {
    if (v < FROM || v > TO) return;
    const to = x(v + Math.max(-2.5, Math.min(2.5, 4 * pulls[i]))), from = x(v), y = line(i);
    const far = Math.abs(to - from), head = Math.sign(to - from) * Math.min(4, far);
    const arrow = () => {
      context.moveTo(from, y);
      context.lineTo(to, y);
      context.moveTo(to - head, y - 3);
      context.lineTo(to, y);
      context.lineTo(to - head, y + 3);
    };
    if (far > 3) strokes(context, arrow, [RED, 1.5]);
    context.fillStyle = BLUE;
    context.beginPath();
    context.arc(from, y, 2.5, 0, 2 * Math.PI);
    context.fill();
  });
}

function drawD(context, x, y, says) {
  const at = (i) => FROM + (TO - FROM) * i / (says.length - 1);
  strokes(context, () => says.forEach((v, i) => context.lineTo(x(at(i)), y(v))),
          ["white", 5], [RED, 2.5]);
  const best = says.indexOf(Math.max(...says));
  label(context, "D", Math.min(Math.max(x(at(best)), x(FROM) + 12), x(TO) - 10),
        Math.max(y(says[best]) - 11, 9), { colour: RED });
}

/** What the lines and bars are, at the right edge. */
function drawKey(context, right, names) {
  names.forEach(([name, colour, dash], i) => {
    const y = 12 + 15 * i;
    strokes(context, () => { context.moveTo(right - 28, y); context.lineTo(right, y); },
            [colour, dash ? 2 : 8, dash ?? []]);
    label(context, name, right - 34, y, { colour: INK, size: 12, align: "right", weight: "" });
  });
}

/** Many games, one line each: the darker, the more samples; before it how it is judged. */
function drawMany(context, x, games, bottom) {
  const high = bottom / games.length;
  games.forEach(({ counts, n, verdict }, i) => {
    context.fillStyle = BLUE;
    counts.forEach((count, k) => {
      const from = BIN.from + k * BIN.wide;
      if (!count || from < FROM || from >= TO) return;
      context.globalAlpha = Math.min(1, count / n / BIN.wide / 0.4);
      context.fillRect(x(from), i * high + 1, x(BIN.wide) - x(0), high - 2);
    });
    context.globalAlpha = 1;
    label(context, MARKS[verdict], 14, (i + 0.5) * high,
          { size: 12, colour: { both: GREEN, one: RED, none: GREY }[verdict] });
  });
}

const percent = (share) => `${Math.round(100 * share)} %`;

// --- the figure

class Games extends Training {
  constructor(model, el) {
    const { truth, rivals, valley } = model.get("header").settings;
    super(el, "gan", AT_FIRST, stateIn, WORKER);
    Object.assign(this, { truth, rivals, run: 0, until: 0, round: 0, due: 0, waiting: false,
                          games: null, frame: 0, last: 0 });
    this.worker.postMessage({ task: "load", truth, valley, plain: "plain" in el.dataset });
    this.build();
    this.restart();
    this.watch();
  }

  // --- the page

  build() {
    const { el } = this, dial = (name, key, values) =>
      choice(name, values, AT_FIRST[key], (v) => this.change({ [key]: v }));
    this.plot = surface({ role: "img", "aria-label": "Samples" }, 0.37,
                        (...place) => this.draw(...place), 225);
    this.numbers = readings("gan-numbers",
      [["round"], ["near noon"], ["near five"], ["in the valley"], ["hours off"]]);
    this.note = h("p", { class: "live-note gan-note" });
    this.dials = { discriminator: dial("rate, discriminator", "discriminator", RATE_NAMES),
                   generator: dial("rate, generator", "generator", RATE_NAMES),
                   decay: dial("decay, discriminator", "decay", DECAYS) };
    this.play = button("Play", () => (this.running() ? this.pause() : this.go()));
    this.many = button("", () => this.change({ games: this.state.games === 1 ? MANY : 1 }));
    const presets = Object.entries(PRESETS).map(([name, how]) =>
      button(name, () => this.change({ ...how, seed: this.state.seed }, true)));
    el.classList.add("live-figure", "gan");
    el.append(
      h("p", { class: "live-note" }, "Press Play: the generator's samples (bars) go where the " +
        "discriminator D says “data”. Then slow D down, and watch a mode get lost."),
      this.plot.canvas, this.numbers.element, this.note,
      h("div", { class: "gan-dials" }, ...Object.values(this.dials).map((d) => d.element)),
      inLine(this.play, button("Step", () => this.go(1)),
             button("New seed", () => this.change({ seed: this.state.seed + 1 })), this.many,
             button("Reset", () => this.change(AT_FIRST))), inLine(...presets));
    this.say = announcer(el);
  }

  settle() {
    this.last = performance.now();
    this.goOn();
  }

  end() {
    cancelAnimationFrame(this.frame);
    super.end();
  }

  // --- what happens

  running() { return this.round < this.until; }

  /** New games, from the beginning. */
  restart() {
    const { seed, games } = this.state;
    Object.assign(this, { run: this.run + 1, round: 0, until: 0, due: 0, waiting: false });
    const seeds = Array.from({ length: games }, (_, i) => (games === 1 ? seed : seed + i));
    this.worker.postMessage({ task: "start", seeds });
    this.label();
    this.ask(0);
  }

  /** Let the worker play so many rounds. */
  ask(rounds) {
    const { state } = this, [discriminator, generator] = [state.discriminator, state.generator]
      .map((name) => RATES[name]);
    this.waiting = true;
    this.asked = performance.now();
    this.worker.postMessage({ task: "play", run: this.run, rounds,
                              how: { discriminator, generator, decay: state.decay } });
  }

  /** Another setting: new games if it needs them; what ran goes on. */
  change(to, start = false) {
    const { seed, games } = this.state, running = this.running();
    Object.assign(this.state, to);
    for (const key in this.dials) this.dials[key].set(this.state[key]);
    const anew = this.state.seed !== seed || this.state.games !== games || to === AT_FIRST || start;
    if (anew) this.restart();
    if (start || (running && to !== AT_FIRST)) this.go();
    this.tellAddress();
  }

  /** Play for so many rounds. */
  go(rounds = LENGTH) {
    this.until = this.endOf(this.round, this.until, rounds);
    this.due = 1;
    this.last = performance.now();
    this.label();
    if (rounds > 1) this.say("Training");
    this.goOn();
  }

  pause() {
    this.until = 0;
    this.label();
    this.summarize();
  }

  label() {
    this.play.textContent = this.running() ? "Pause" : "Play";
    this.many.textContent = this.state.games === 1 ? `${MANY} at once` : "One game";
  }

  /** With each frame that is drawn some rounds are played, as many as the eye can follow; of many
   *  games as many as the worker can in a moment. */
  goOn() {
    cancelAnimationFrame(this.frame);
    if (!this.running() || !this.visible) return;
    this.frame = requestAnimationFrame((time) => {
      this.due += Math.min(Math.max(time - this.last, 0), 100) / 1000 * paceAt(this.round);
      this.last = time;
      const still = reducedMotion() && this.until - this.round > 1;
      if (this.waiting || (still && time - this.asked < SHOWN)) return this.goOn();
      const most = this.state.games === 1 ? (still ? 120 : 15) : 5;
      const rounds = Math.min(Math.floor(this.due), still ? 120 : most, this.until - this.round);
      if (rounds < 1) return this.goOn();
      this.due = Math.min(this.due - rounds, 15);
      this.ask(rounds);
      return this.goOn();
    });
  }

  hear({ run, games }) {
    if (run !== this.run) return;
    Object.assign(this, { waiting: false, games, round: games[0].rounds });
    this.show();
    if (this.running()) return;
    if (this.until) this.pause();
    else this.summarize(this.round > 0);
  }

  show() {
    const { games: [game], round } = this;
    this.numbers.show([round, ...(this.games.length > 1 ? ["–", "–", "–", "–"]
      : [...game.near.map(percent), percent(game.valley), write(game.off, 1)])]);
    this.note.textContent = this.verdict();
    this.plot.paint();
  }

  /** How it stands, in a line that is as long as there is room for. */
  verdict() {
    const { games } = this, count = (verdict) => games.filter((g) => g.verdict === verdict).length;
    if (games.length > 1)
      return `✓ keep both: ${count("both")} of ${games.length}, ● collapsed: ${count("one")}`;
    const [{ verdict, alive, near }] = games, at = near[0] > near[1] ? "noon" : "five";
    const said = { both: "Keeps both modes.", one: `Collapsed: all samples near ${at}.`,
                   none: "Does not keep both modes." }[verdict];
    return alive < 0.01 ? `${said} D is flat: the discriminator is dead.` : said;
  }

  summarize(aloud = true) {
    const { games, round, state } = this;
    if (!games) return;
    const { near, valley, off } = games[0], shares = near.map(percent);
    const numbers = games.length > 1 ? "" : ` Near noon ${shares[0]}, near five ${shares[1]}, in ` +
      `the valley ${percent(valley)}, ${write(off, 1)} hours off.`;
    const text = `Round ${round}: ${this.verdict()}${numbers}`;
    this.plot.canvas.setAttribute("aria-label", `${games.length > 1 ? "Twenty generators'" :
      "The generator's"} samples over the hours after noon, at rates ${state.discriminator} ` +
      `(discriminator) and ${state.generator} (generator), decay ${state.decay}. ${text}`);
    if (aloud && round) this.say(text);
  }

  // --- drawing

  draw(context, width, height) {
    const { games } = this, left = 30, deep = 30, axis = height - 22;
    const many = games?.length > 1, bottom = many ? axis : axis - deep;
    const x = scale(FROM, TO, left, width), y = scale(0, 1, bottom, 0);
    if (!games) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, width, axis);
    context.clip();
    if (many) drawMany(context, x, games, bottom);
    else this.drawGame(context, x, y, games[0], bottom, deep);
    context.restore();
    axes(context, x, scale(0, 1, bottom, 0), { xTicks: [0, 5], xName: "",
      yTicks: many ? [] : [0.5], yName: "", bottom: axis, left, width });
    if (many) return;
    strokes(context, () => { context.moveTo(left, bottom); context.lineTo(width, bottom); },
            [GREY, 1]);
    const fits = Object.entries(this.rivals).map(([name, { off }], i) =>
      [`${name}, ${write(off, 1)} hours off`, ...RIVAL_PENS[i]]);
    drawKey(context, width - 6, [["samples", SKY], ...fits]);
    label(context, "p", x(this.truth.means[1]), y(0.2) - 12);
  }

  drawGame(context, x, y, game, bottom, deep) {
    drawSamples(context, x, y, game);
    strokes(context, () => { context.moveTo(x(FROM), y(0.5)); context.lineTo(x(TO), y(0.5)); },
            [PALE, 1, [4, 4]]);
    drawCurve(context, x, y, densityOf(this.truth), [INK, 2.5]);
    Object.values(this.rivals).forEach((rival, i) => {
      const [colour, dash] = RIVAL_PENS[i];
      drawCurve(context, x, y, densityOf(rival), [colour, 2, dash]);
    });
    drawD(context, x, y, game.says);
    drawPulls(context, x, game, bottom, deep);
  }
}

const RIVAL_PENS = [[GREEN, [7, 4]], ["#882255", [2, 3]]];

export default {
  render({ model, el }) {
    const figure = new Games(model, el);
    if (location.hash.startsWith("#gan?") && !reducedMotion()) figure.go();
    el.live = { state: () => ({ ...figure.state, round: figure.round, running: figure.running(),
                                games: figure.games }),
                go: (rounds) => figure.go(rounds) };
    return () => figure.end();
  },
};
