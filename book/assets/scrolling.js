// A table or a formula wider than the page is scrolled in its box, by keyboard, too: while it is,
// the box is a region with a name, which a screen reader tells.
const TABLES = ".pst-scrollable-table-container > table, .output.text_html > table";

const named = (table, i) => {
  const head = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
  return `Table ${i + 1}: ${head.filter(Boolean).slice(0, 3).join(", ")}`;
};

const watch = (box, name) => {
  const told = { role: "region", tabindex: "0", "aria-label": name };
  new ResizeObserver(() => {
    for (const [attribute, value] of Object.entries(told)) {
      if (box.scrollWidth > box.clientWidth + 1) box.setAttribute(attribute, value);
      else box.removeAttribute(attribute);
    }
  }).observe(box);
};

const article = document.querySelector(".bd-article");
const all = (selector, then) => article?.querySelectorAll(selector).forEach(then);
all(TABLES, (table, i) => watch(table.parentElement, named(table, i)));
all("div.formula", (box, i) => watch(box, `Formula ${i + 1}`));
