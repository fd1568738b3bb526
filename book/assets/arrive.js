/* A link to a figure opens at the figure. On a page with live figures these grow when they come
   alive, so the page is held at what the address names until the reader moves it. */
(() => {
"use strict";

const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (!target) return;
const hold = new ResizeObserver(() => target.scrollIntoView({ behavior: "instant" }));
const release = () => hold.disconnect();
hold.observe(document.body);
setTimeout(release, 15_000);
for (const moved of ["wheel", "touchstart", "pointerdown", "keydown"])
  addEventListener(moved, release, { once: true, passive: true });
})();
