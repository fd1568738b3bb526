// Formulas first, then the deck. In the notes a formula is MathML, for the speaker's window has no
// style sheet of KaTeX.
const FORMULA = /\$\$([\s\S]+?)\$\$|\$([^$]+?)\$/g;

function typeset(text) {
  const output = text.parentElement.closest("aside") ? "mathml" : "htmlAndMathml";
  const pieces = document.createDocumentFragment();
  let end = 0;
  for (const found of text.data.matchAll(FORMULA)) {
    pieces.append(text.data.slice(end, found.index));
    const place = document.createElement("span");
    const displayMode = found[1] !== undefined;
    katex.render(found[1] ?? found[2], place, { displayMode, output, throwOnError: true });
    end = found.index + found[0].length;
    // What ends a sentence stays beside its formula.
    const mark = displayMode ? "" : text.data.slice(end).match(/^[-–)\]’”.,;:!?]*/)[0];
    const kept = document.createElement("span");
    kept.className = "with-formula";
    kept.append(place, mark);
    pieces.append(kept);
    end += mark.length;
  }
  pieces.append(text.data.slice(end));
  text.replaceWith(pieces);
}

const walker = document.createTreeWalker(document.querySelector(".slides"), NodeFilter.SHOW_TEXT);
const texts = [];
while (walker.nextNode()) {
  const text = walker.currentNode;
  if (text.data.includes("$") && !text.parentElement.closest("pre, code")) texts.push(text);
}
texts.forEach(typeset);

// Fonts differ from machine to machine: text that runs over the slide's foot is set smaller until
// it fits, and so is a formula or an output that is wider than the slide.
const FOOT = 684; // below it are the number and the arrows

function shrink(part, isLarge, least) {
  part.style.fontSize = "";
  let size = parseFloat(getComputedStyle(part).fontSize);
  while (isLarge() && size > least) {
    size -= 1;
    part.style.fontSize = `${size}px`;
  }
}

function fit() {
  const slide = Reveal.getCurrentSlide();
  const parts = [...slide.querySelectorAll(":scope > :not(aside, img)")];
  const low = () => parts.some((part) => part.offsetTop + part.offsetHeight > FOOT);
  shrink(slide, low, 24);
  const full = slide.querySelector(".full img");
  if (full) full.style.height = `${714 - full.offsetTop}px`; // below one line or two
  const wide = slide.querySelector(".wide img");
  const covered = (text) => wide && text.offsetTop < wide.offsetTop + wide.offsetHeight;
  for (const caption of slide.querySelectorAll(".caption")) {
    shrink(caption, () => covered(caption) || low(), 20);
  }
  for (const formula of slide.querySelectorAll(".katex-display")) {
    shrink(formula, () => formula.scrollWidth > formula.clientWidth, 18);
  }
  for (const text of slide.querySelectorAll(".printed")) {
    shrink(text, () => text.scrollWidth > text.clientWidth || low(), 18);
  }
}
Reveal.on("ready", () => document.fonts.ready.then(fit));
Reveal.on("slidechanged", () => {
  fit();
  document.fonts.ready.then(fit); // a font that came only with this slide changes the width
});

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.02,
  center: false,
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  plugins: [RevealNotes],
});
