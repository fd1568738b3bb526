/* The figure on the front page: pictures until the reader starts it. Then this fetches what a
   chapter's page has from the beginning; the figure's own script does the rest. */
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

const ready = (place) => new Promise((done) => {
  new MutationObserver((_, observer) => {
    if (!place.classList.contains("live-ready")) return;
    observer.disconnect();
    done();
  }).observe(place, { attributeFilter: ["class"] });
});

async function start(place, line) {
  const [button, status] = line.children, live = new URL("live/", here).href;
  button.disabled = true;
  status.textContent = "Loading …";
  place.dataset.live = place.dataset.figure;  // what the figure's script looks for
  try {
    await fetched("link", { rel: "stylesheet", href: `${live}live.css` });
    await fetched("script", { src: `${live}figure-${place.dataset.live}.js` });
  } catch {
    status.textContent = "The figure could not be loaded. Its chapter shows it too.";
    return;
  }
  await ready(place);
  line.remove();
  place.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
}

for (const place of document.querySelectorAll("[data-figure]")) {
  const line = place.nextElementSibling;
  line.querySelector("button").addEventListener("click", () => start(place, line));
}
})();
