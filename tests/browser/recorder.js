// Notes what is drawn: every canvas lists it as `drawn`, in the page's pixels, since it was wiped.
{
  const proto = CanvasRenderingContext2D.prototype;

  /** Before `name` draws, let `look(context, ...arguments)` see what it is asked for. */
  const watch = (name, look) => {
    const draws = proto[name];
    proto[name] = function (...args) {
      look(this, ...args);
      return draws.apply(this, args);
    };
  };
  const note = ({ canvas }, kind, said) => (canvas.drawn ??= []).push({ kind, ...said });

  const inkOf = (picture) => {
    const { data } = picture.getContext("2d").getImageData(0, 0, 28, 28);
    return Array.from({ length: 784 }, (_, i) => 1 - data[4 * i] / 255);
  };

  watch("beginPath", (context) => { context.path = []; });
  for (const name of ["moveTo", "lineTo", "arc", "ellipse"])
    watch(name, (context, ...place) => context.path.push(place));
  watch("stroke", (context) => note(context, "stroke", {
    path: context.path, colour: context.strokeStyle, dash: context.getLineDash() }));
  watch("fill", (context) => note(context, "fill", {
    path: context.path, colour: context.fillStyle }));
  watch("fillText", (context, text, x, y) => note(context, "text", {
    text: String(text), at: [x, y], colour: context.fillStyle }));
  watch("strokeRect", (context, ...box) => note(context, "frame", { box }));
  watch("fillRect", (context, ...box) => {
    if (box[2] >= context.canvas.clientWidth && box[3] >= context.canvas.clientHeight)
      context.canvas.drawn = [];
    else note(context, "bar", { box });
  });
  watch("drawImage", (context, image, ...box) => {
    if (image.width === 28) note(context, "picture", { box, ink: inkOf(image) });
    const drawn = image.drawn ?? [];
    if (image.width === 48 && drawn.length)
      note(context, "stamp", { box, text: drawn.at(-1).text });
    else for (const { kind, ...said } of drawn) note(context, kind, said);
  });
}
