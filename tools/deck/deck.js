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
    pieces.append(place);
    end = found.index + found[0].length;
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
// it fits, and so is a formula that is wider than the slide.
function fit() {
  const slide = Reveal.getCurrentSlide();
  const parts = [...slide.querySelectorAll(":scope > :not(aside)")];
  slide.style.fontSize = "";
  let text = parseFloat(getComputedStyle(slide).fontSize);
  while (parts.some((part) => part.offsetTop + part.offsetHeight > 720) && text > 24) {
    text -= 1;
    slide.style.fontSize = `${text}px`;
  }
  for (const formula of slide.querySelectorAll(".katex-display")) {
    formula.style.fontSize = "";
    let size = parseFloat(getComputedStyle(formula).fontSize);
    while (formula.scrollWidth > formula.clientWidth && size > 16) {
      size -= 1;
      formula.style.fontSize = `${size}px`;
    }
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
