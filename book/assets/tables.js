// A table that is wider than its box is scrolled in it, by keyboard, too: while it is, the box is
// a region with a name, which a screen reader tells.
const TABLES = ".bd-article :is(.pst-scrollable-table-container, .output.text_html) > table";

const named = (table, i) => {
  const head = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
  return `Table ${i + 1}: ${head.filter(Boolean).slice(0, 3).join(", ")}`;
};

document.querySelectorAll(TABLES).forEach((table, i) => {
  const box = table.parentElement;
  const told = { role: "region", tabindex: "0", "aria-label": named(table, i) };
  new ResizeObserver(() => {
    for (const [name, value] of Object.entries(told)) {
      if (box.scrollWidth > box.clientWidth) box.setAttribute(name, value);
      else box.removeAttribute(name);
    }
  }).observe(box);
});
