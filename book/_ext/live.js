// Starts the figure NAME in its places on a page of the book: a stub for what Jupyter calls the
// model, and the data as a script beside this one. Nothing is loaded before the reader comes near;
// what several figures of a page draw from is loaded and unpacked once; and no piece of the work
// is long: between two of them the page answers the reader. An address that sets a figure's state,
// #NAME?..., leads to the figure.
const here = document.currentScript.src;
const PIECE = 1 << 16;  // characters of base64 at a time
const page = (globalThis.aebookPage ??= { models: {}, turn: Promise.resolve() });

const pause = () => new Promise((over) => setTimeout(over));
const drawn = () => new Promise((over) => requestAnimationFrame(() => setTimeout(over)));

/** The bytes of a text in base64; by hand, piece by piece, where the browser has no way. */
async function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const bytes = new Uint8Array(text.length / 4 * 3 - text.match(/=*$/)[0].length);
  for (let from = 0, at = 0; from < text.length; from += PIECE) {
    const piece = atob(text.slice(from, from + PIECE));
    for (let i = 0; i < piece.length; i++) bytes[at++] = piece.charCodeAt(i);
    await pause();
  }
  return bytes;
}

/** What a script beside this one hands over: the data called `name`. */
const load = (name, version) => new Promise((loaded, failed) => {
  const script = document.createElement("script");
  script.src = new URL(`${name}.js?v=${version.slice(0, 8)}`, here);
  script.onload = () => loaded(globalThis.aebookData[name]);
  script.onerror = () => failed(new Error(`${script.src} cannot be loaded`));
  document.head.append(script);
});

async function modelOf(name, version) {
  const { payload, ...header } = await load(name, version);
  const view = new DataView((await bytesOf(payload)).buffer), arrays = {};
  for (const [key, where] of Object.entries(header.arrays)) {
    await pause();
    arrays[key] = arrayOf(where, view);
  }
  const state = { header, arrays };
  return { get: (key) => state[key], set() {}, save_changes() {}, on() {}, off() {} };
}

for (const place of document.querySelectorAll(`[data-live="${NAME}"]`)) {
  const { data, sha256 } = place.dataset;
  const start = async () => {
    const model = await (page.models[data] ??= modelOf(data, sha256));
    await pause();
    figure.render({ model, el: place });
    place.classList.add("live-ready");
    await drawn();
  };
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    page.turn = page.turn.then(start).catch((error) => {  // and the next one has its turn
      place.classList.add("live-failed");
      reportError(error);
    });
  }, { rootMargin: "600px" });
  watch.observe(place);
  const lead = () => {
    if (location.hash.startsWith(`#${NAME}?`)) place.scrollIntoView({ behavior: "instant" });
  };
  lead();
  addEventListener("hashchange", lead);
}
