// A figure's state in the address, and one finger on a canvas; it stands between common.js and the
// figures that use it.

/** What the address says of the figure `name`, as #flow?t=0.5: its parameters; null of another. */
function fromAddress(name) {
  const [whose, said] = location.hash.slice(1).split("?");
  return whose === name ? new URLSearchParams(said ?? "") : null;
}

/** Name a state in the address: what of it is not as at first. Numbers get two places. */
function toAddress(name, state, first) {
  const text = (v) => (typeof v === "number" ? String(Number(v.toFixed(2))) : String(v));
  const changed = Object.entries(state).map(([key, v]) => [key, text(v)])
    .filter(([key, v]) => v !== text(first[key]));
  history.replaceState(null, "", `#${name}${changed.length ? "?" : ""}` +
    new URLSearchParams(changed));
}

/** Call open(parameters) whenever the address speaks of the figure. Returns what ends that. */
function followAddress(name, open) {
  const follow = () => {
    const said = fromAddress(name);
    if (said) open(said);
  };
  addEventListener("hashchange", follow);
  return () => removeEventListener("hashchange", follow);
}

/** The number called `key` of an address, between its bounds; `otherwise` where there is none. */
function numberIn(said, key, [low, high], otherwise) {
  const text = said.get(key), v = Number(text);
  return text === null || !Number.isFinite(v) ? otherwise : Math.min(Math.max(v, low), high);
}

/** Calls move(x, y), in pixels of the canvas, while one finger or the left button is down, and
 *  then over(); whatever else touches it meanwhile is not heard. */
function followFinger(canvas, move, over) {
  let finger = null;
  const at = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    move(clientX - box.left, clientY - box.top);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (finger !== null || event.button !== 0) return;
    finger = event.pointerId;
    canvas.setPointerCapture(finger);
    at(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (event.pointerId === finger) at(event); });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== finger) return;
      finger = null;
      over();
    });
}
