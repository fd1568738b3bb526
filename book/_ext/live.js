// Starts the figure NAME in its places on a page of the book: a stub for what Jupyter calls the
// model, and the data as a script beside this one. Nothing is loaded before the reader comes near.
const here = document.currentScript.src;

function modelOf(data) {
  const { payload, ...header } = data;
  const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
  const state = { header, payload: new DataView(bytes.buffer) };
  return { get: (key) => state[key], set() {}, save_changes() {}, on() {}, off() {} };
}

function load(name, version, then) {
  if (globalThis.aebookData?.[name]) return then(globalThis.aebookData[name]);
  const script = document.createElement("script");
  script.src = new URL(`${name}.js?v=${version.slice(0, 8)}`, here);
  script.onload = () => then(globalThis.aebookData[name]);
  document.head.append(script);
}

for (const place of document.querySelectorAll(`[data-live="${NAME}"]`)) {
  const { data, sha256 } = place.dataset;
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    load(data, sha256, (found) => {
      figure.render({ model: modelOf(found), el: place });
      place.classList.add("live-ready");
    });
  }, { rootMargin: "600px" });
  watch.observe(place);
}
