/* A link to a figure opens at the figure. On a page with live figures these grow when they come
   alive, so the page is held at what the address names until the reader moves it. */
(() => {
"use strict";

const named = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));
const holder = new ResizeObserver(() => named()?.scrollIntoView({ behavior: "instant" }));
const release = () => holder.disconnect();

function hold() {
  if (!named()) return;
  holder.observe(document.body);
  setTimeout(release, 15_000);
}

hold();
addEventListener("hashchange", hold);
for (const moved of ["wheel", "touchstart", "pointerdown", "keydown"])
  addEventListener(moved, release, { passive: true });
})();
