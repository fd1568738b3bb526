// Paper to draw a digit on, for the figures that take one; it stands between common.js and theirs.

// The drawing is 140 x 140, five times MNIST's 28, the pen 2.6 of its pixels wide.
const SIDE = 140, PEN = 13;

/** Mean ink of the square from (x0, y0) to (x1, y1) of a side x side picture; outside is paper. */
function inkIn(ink, side, x0, y0, x1, y1) {
  let sum = 0;
  for (let i = Math.max(Math.floor(y0), 0); i < Math.min(y1, side); i++) {
    const high = Math.min(i + 1, y1) - Math.max(i, y0);
    for (let j = Math.max(Math.floor(x0), 0); j < Math.min(x1, side); j++) {
      const v = ink[i * side + j];
      if (v) sum += v * high * (Math.min(j + 1, x1) - Math.max(j, x0));
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

/** The drawing's box of ink as [left, top, width, height], or null for a blank sheet. */
function boxOf(ink, side) {
  let left = side, right = -1, top = side, bottom = -1;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] < 0.02) continue;
    const x = i % side, y = Math.floor(i / side);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}

/** A drawing as MNIST prepares one: fitted into 20 x 20 pixels, its centre of mass moved to the
 *  middle of 28 x 28 by whole pixels. ink: side * side numbers. Null for a blank sheet. */
function prepare(ink, side) {
  const found = boxOf(ink, side);
  if (!found) return null;
  const [left, top, width, height] = found, size = Math.max(width, height), pixel = size / 20;
  const x0 = left - (size - width) / 2, y0 = top - (size - height) / 2;
  const box = Float64Array.from({ length: 400 }, (_, i) => {
    const x = x0 + (i % 20) * pixel, y = y0 + Math.floor(i / 20) * pixel;
    return inkIn(ink, side, x, y, x + pixel, y + pixel);
  });
  let mass = 0, mx = 0, my = 0;
  box.forEach((v, i) => {
    mass += v;
    mx += v * (i % 20 + 0.5);
    my += v * (Math.floor(i / 20) + 0.5);
  });
  // MNIST's centres of mass lie within half a pixel of the middle of pixel (14, 14), from 0.
  const [dx, dy] = [mx, my].map((m) => Math.min(Math.max(Math.round(14.5 - m / mass), 0), 8));
  const x = new Float64Array(784);
  box.forEach((v, i) => { x[28 * (Math.floor(i / 20) + dy) + i % 20 + dx] = Math.min(v, 1); });
  return x;
}

/** Strokes, lists of points of a sheet SIDE x SIDE, as large as MNIST's digits are and in the
 *  middle: so that a small drawing is not written with a fat pen. */
function fitted(strokesDrawn) {
  const points = strokesDrawn.flat(), [low, high] = [Math.min, Math.max].map((end) =>
    [0, 1].map((k) => end(...points.map((point) => point[k]))));
  const size = Math.max(high[0] - low[0], high[1] - low[1]);
  const by = Math.min((100 - PEN) / Math.max(size, 1), 8);
  return strokesDrawn.map((stroke) => stroke.map((point) =>
    [0, 1].map((k) => SIDE / 2 + by * (point[k] - (low[k] + high[k]) / 2))));
}

/** What the pen draws on: SIDE x SIDE pixels, shown larger. */
function sheetOfPaper() {
  const canvas = h("canvas", { width: SIDE, height: SIDE });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const sheet = {
    canvas,
    clear() {
      pen.fillStyle = "white";
      pen.fillRect(0, 0, SIDE, SIDE);
      const round = { lineCap: "round", lineJoin: "round" };
      Object.assign(pen, { lineWidth: PEN, strokeStyle: "black", ...round });
    },
    /** Lines through lists of points, one list a stroke. */
    write(strokesDrawn) {
      for (const [first, ...more] of strokesDrawn) {
        pen.beginPath();
        pen.moveTo(...first);
        for (const point of more.length ? more : [first]) pen.lineTo(...point);
        pen.stroke();
      }
    },
    /** A picture of 28 x 28, enlarged. */
    picture(x) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(bitmap(x), 0, 0, SIDE, SIDE);
    },
    /** The drawing in numbers, 0 paper and 1 ink. */
    ink() {
      const { data } = pen.getImageData(0, 0, SIDE, SIDE);
      return Float32Array.from({ length: SIDE * SIDE }, (_, i) => 1 - data[4 * i] / 255);
    },
  };
  sheet.clear();
  return sheet;
}

/** Strokes as MNIST prepares a digit: 784 numbers, or null where there are none. */
function pictureOf(strokesDrawn) {
  if (!strokesDrawn.length) return null;
  const sheet = sheetOfPaper();
  sheet.write(fitted(strokesDrawn));
  return prepare(sheet.ink(), SIDE);
}

/** Calls begin(point) and move(points), of a sheet SIDE x SIDE, for one finger or the left button;
 *  whatever else touches the canvas meanwhile is not heard. */
function followPen(canvas, begin, move) {
  let finger = null;
  const at = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width * SIDE, (clientY - box.top) / box.height * SIDE];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (finger !== null || event.button !== 0) return;
    finger = event.pointerId;
    canvas.setPointerCapture(finger);
    begin(at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger) return;
    const several = event.getCoalescedEvents?.() ?? [];
    move((several.length ? several : [event]).map(at));
  });
  const over = (event) => { if (event.pointerId === finger) finger = null; };
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    canvas.addEventListener(end, over);
}

/** A canvas to draw on with mouse or finger; asks: lines that stand on it while it is blank;
 *  changed() after every move. Returns { surface, strokes, clear(), undo(), show(x) }: show lays a
 *  picture on the paper, which the first stroke takes away. */
function paperToDrawOn(asks, changed) {
  const sheet = sheetOfPaper(), paper = { strokes: [] };
  let shown = null;
  paper.surface = surface({ role: "img" }, 1, (context, width) => {
    sheet.clear();
    if (shown) sheet.picture(shown);
    sheet.write(paper.strokes);
    context.drawImage(sheet.canvas, 0, 0, width, width);
    if (shown || paper.strokes.length) return;
    asks.forEach((text, i) => label(context, text, width / 2,
      width / 2 + 16 * (i - (asks.length - 1) / 2), { colour: GREY, size: 13, weight: "" }));
  });
  const put = (strokesDrawn, x = null) => {
    [paper.strokes, shown] = [strokesDrawn, x];
    paper.surface.paint();
  };
  Object.assign(paper, { clear: () => put([]), undo: () => put(paper.strokes.slice(0, -1)),
                         show: (x) => put([], x) });
  paper.surface.canvas.classList.add("live-paper");
  followPen(paper.surface.canvas, (point) => {
    put([...paper.strokes, [point]]);
    changed();
  }, (points) => {
    paper.strokes.at(-1)?.push(...points);
    paper.surface.paint();
    changed();
  });
  return paper;
}
