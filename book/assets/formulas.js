/* Set the formulas with KaTeX in short pieces, so that the page scrolls and answers meanwhile. */
document.addEventListener("DOMContentLoaded", async () => {
  let pause = performance.now() + 30;
  for (const element of document.querySelectorAll(".math")) {
    const [, open, formula] = element.textContent.trim().match(/^\\([([])(.*)\\[)\]]$/s);
    katex.render(formula, element, { displayMode: open === "[", throwOnError: false });
    if (performance.now() > pause) {
      await new Promise((resolve) => setTimeout(resolve));
      pause = performance.now() + 30;
    }
  }
});
