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

async function start(place, line, pressed) {
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
    place.classList.remove("hero-plays");
    return;
  }
  line.remove();
  const next = place.querySelector("[tabindex='0'], button:not([hidden])");
  if (pressed) next?.focus({ preventScroll: true });
}

for (const place of document.querySelectorAll("[data-figure]")) {
  const line = place.nextElementSibling;
  line.querySelector("button").addEventListener("click", () => start(place, line, true));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (!place.dataset.play || calm) continue;
  place.classList.add("hero-plays");  // its room is kept, and the picture does not come first
  start(place, line, false);
}
})();
