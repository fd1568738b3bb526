// A formula longer than the page scrolls in its own box: there the Tab key must stop, elsewhere not.
const boxes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scrolls = target.scrollWidth > target.clientWidth + 1;
    target.toggleAttribute("tabindex", scrolls);
    if (scrolls) Object.assign(target, { tabIndex: 0, role: "region", ariaLabel: "Formula, scrolls" });
    else target.removeAttribute("role");
  }
});
for (const box of document.querySelectorAll("div.formula")) boxes.observe(box);
