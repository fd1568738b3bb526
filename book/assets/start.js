/* The figure on the front page: pictures until the reader starts it, or, where it plays for some
   seconds by itself, until the page has come. Then this fetches what a chapter's page has from the
   beginning; the figure's own script does the rest. */
(() => {
"use strict";

const here = document.currentScript.src;

/** An element in the page's head; a promise of its file. */
const fetched = (tag, attributes) => new Promise((loaded, failed) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.onload = loaded;
  element.onerror = failed;
  document.head.append(element);
});

/** Settles when the figure is alive, or its script says that it cannot be. */
const ready = (place) => new Promise((done, failed) => {
  new MutationObserver(() => {
    if (place.classList.contains("live-ready")) done();
    if (place.classList.contains("live-failed")) failed();
  }).observe(place, { attributeFilter: ["class"] });
});

async function start(place, line) {
  const [button, status] = line.children, live = new URL("live/", here).href;
  button.disabled = true;
  status.textContent = "Loading …";
  place.dataset.live = place.dataset.figure;  // what the figure's script looks for
  try {
    await fetched("link", { rel: "stylesheet", href: `${live}live.css` });
    const alive = ready(place);
    await fetched("script", { src: `${live}figure-${place.dataset.live}.js` });
    await alive;
  } catch {
    status.textContent = "The figure could not be loaded. Its chapter shows it too.";
    return;
  }
  line.remove();
  if (!place.dataset.play) place.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
}

for (const place of document.querySelectorAll("[data-figure]")) {
  const line = place.nextElementSibling;
  line.querySelector("button").addEventListener("click", () => start(place, line));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (place.dataset.play && !calm) start(place, line);
}
})();
