// The latent plane over what it decodes to; it stands between common.js and the figures that show
// it. A place of the plane is [z1, z2].

const ROOM = 450;  // pixels of the plane for each numeral in it
const AT_ONCE = 3;  // tiles decoded before the page is let go on
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEYS = "Arrow keys move it by 0.1, with Shift by 0.5; Home goes to 0.";

/** Where the plane lies on a canvas: its maps `x` and `y`, with the edges of the drawing. reach:
 *  half the height of the plane; `wide` is half its width. */
function mapsOf(width, height, reach, left = 26) {
  const bottom = height - 22, shape = (width - left) / bottom, wide = reach * shape;
  return { x: scale(-wide, wide, left, width), y: scale(-reach, reach, bottom, 0),
           left, bottom, width, reach, wide, shape };
}

/** Axes with a few ticks, names of the latents at their ends. */
function planeAxes(context, { x, y, left, bottom, width, reach, wide }) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => s >= reach / 3) ?? 1000;
  const ticks = [-3, -2, -1, 0, 1, 2, 3].map((i) => i * step);
  const within = (most) => ticks.filter((v) => Math.abs(v) <= 0.9 * most);
  axes(context, x, y, { xTicks: within(wide), yTicks: within(reach), xName: "z₁", yName: "z₂",
                        bottom, left, width });
}

/** Draw within the plane and not over its edges. */
function clipped(context, { left, bottom, width }, draw) {
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, bottom);
  context.clip();
  draw();
  context.restore();
}

/** The prior N(0, I): circles at so many standard deviations. */
function drawPrior(context, { x, y }, radii = [1, 2]) {
  for (const radius of radii) {
    const circle = () => context.arc(x(0), y(0), x(radius) - x(0), 0, 2 * Math.PI);
    strokes(context, circle, ["white", 3], [GREY, 1, [4, 4]]);
  }
}

/** A decoded grid as one picture, pale, so that what lies over it can be read. pictures: of rows x
 *  columns tiles, from the upper left, each 784 numbers from 0, paper, to 255. */
function drawMosaic({ columns, rows, pictures }, canvas) {
  [canvas.width, canvas.height] = [28 * columns, 28 * rows];
  const context = canvas.getContext("2d"), image = context.createImageData(28 * columns, 28 * rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pictures.length; i++) {
    const tile = Math.floor(i / 784), down = Math.floor(i % 784 / 28);
    const row = 28 * Math.floor(tile / columns) + down;
    const column = 28 * (tile % columns) + i % 28, grey = 255 - 0.3 * pictures[i];
    pixels[row * 28 * columns + column] = 0xff000000 | grey << 16 | grey << 8 | grey;
  }
  context.putImageData(image, 0, 0);
}

/** Lay that picture into the plane. mosaic.reach: half the height of its grid. */
function layMosaic(context, picture, mosaic, maps) {
  const { x, y } = maps, across = mosaic.reach / mosaic.rows * mosaic.columns;
  clipped(context, maps, () =>
    context.drawImage(picture, x(-across), y(mosaic.reach), x(across) - x(-across),
                      y(-mosaic.reach) - y(mosaic.reach)));
}

/** The place that tile number i of a mosaic is decoded from: the middle of it. */
function placeOf({ columns, rows, reach }, i) {
  const side = 2 * reach / rows, column = i % columns, row = Math.floor(i / columns);
  return [(column + 0.5 - columns / 2) * side, (rows / 2 - row - 0.5) * side];
}

/** A mosaic of what `decode` makes of the plane, so many rows of it: { lay(context, maps), now(),
 *  end() }. It is made as it is first laid, and anew for a plane of another shape, some tiles at a
 *  time; paint() is called with each row. */
function mosaicOf(decode, rows, paint) {
  const picture = h("canvas");
  let mosaic = null, next = 0, timer = 0;  // tiles are decoded up to `next`
  const go = () => {
    const { columns } = mosaic, end = columns * rows, row = Math.floor(next / columns);
    for (let k = 0; k < AT_ONCE && next < end; k++, next++)
      mosaic.pictures.set(decode(placeOf(mosaic, next)).map((v) => Math.round(255 * v)),
                          784 * next);
    if (next < end) timer = setTimeout(go);
    if (Math.floor(next / columns) === row) return;
    drawMosaic(mosaic, picture);
    paint();
  };
  const begin = (reach, columns) => {
    clearTimeout(timer);
    next = 0;
    mosaic = { reach, columns, rows, pictures: new Uint8Array(784 * columns * rows) };
    timer = setTimeout(go);
  };
  return {
    lay(context, maps) {
      const columns = Math.round(rows * maps.shape);
      if (mosaic?.columns !== columns) begin(maps.reach, columns);
      if (next >= columns) layMosaic(context, picture, mosaic, maps);
    },
    now: () => mosaic,
    end: () => clearTimeout(timer),
  };
}

/** A numeral in its colour as a picture, larger than shown: drawn faster than written. */
function stamp(colour, digit) {
  const canvas = h("canvas", { width: 48, height: 48 }), context = canvas.getContext("2d");
  Object.assign(context, { font: "bold 36px system-ui, sans-serif", textAlign: "center",
                           textBaseline: "middle", lineJoin: "round", lineWidth: 7,
                           strokeStyle: "white", fillStyle: colour });
  context.strokeText(digit, 24, 25);
  context.fillText(digit, 24, 25);
  return canvas;
}

/** Codes in the plane as numerals, so many as there is room for; of one digit alone where `only`
 *  names it. means: flat, two numbers a code; digits: of each code. */
function numerals(context, maps, means, digits, only = null) {
  const { x, y, left, bottom, width } = maps;
  numerals.stamps ??= DIGIT_COLOURS.map(stamp);
  const room = Math.round(width * (bottom + 22) / ROOM);
  for (let i = 0, shown = 0; i < digits.length && shown < room; i++) {
    if (only !== null && digits[i] !== only) continue;
    const [u, v] = [x(means[2 * i]), y(means[2 * i + 1])];
    shown += 1;
    if (u < left || u > width || v > bottom || v < 0) continue;
    context.drawImage(numerals.stamps[digits[i]], u - 8, v - 8, 16, 16);
  }
}

/** Where the decoder is asked: a ring with four hairs. */
function drawPoint(context, px, py) {
  const ring = () => {
    context.arc(px, py, 9, 0, 2 * Math.PI);
    for (const [dx, dy] of Object.values(MOVES)) {
      context.moveTo(px + 4 * dx, py + 4 * dy);
      context.lineTo(px + 14 * dx, py + 14 * dy);
    }
  };
  strokes(context, ring, ["white", 6], [RED, 2.5]);
}

/** Arrow keys on an element, as KEYS says: moved(move) with what they make of a place. */
function onArrows(element, moved) {
  element.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.5 : 0.1, by = MOVES[event.key];
    if (!by && event.key !== "Home") return;
    event.preventDefault();
    moved((place) => (by ? place.map((v, k) => v + step * by[k]) : [0, 0]));
  });
}
