/* Buttons above the claims that show those of one verdict. Without them, all claims stand. */
document.addEventListener("DOMContentLoaded", () => {
  const ledger = document.querySelector(".ledger.claims");
  const rows = [...ledger.querySelectorAll("tbody tr")];
  const filter = document.createElement("div");
  filter.className = "ledger-filter";
  filter.setAttribute("role", "group");
  filter.setAttribute("aria-label", "Show the claims that are");
  const told = document.createElement("p");
  told.setAttribute("role", "status");

  const show = (verdict) => {
    const has = (row) => !verdict || row.classList.contains(verdict);
    for (const row of rows) row.hidden = !has(row);
    for (const table of ledger.querySelectorAll("table")) {
      const none = !table.querySelector("tbody tr:not([hidden])");
      const group = [...ledger.children].find((child) => child.contains(table));
      for (const element of [group, group.previousElementSibling]) element.hidden = none;
    }
    for (const button of filter.children) {
      button.setAttribute("aria-pressed", button.value === verdict);
    }
    told.textContent = `${rows.filter(has).length} of ${rows.length} claims are shown.`;
  };

  const verdicts = { "": "all", wrong: "✗ wrong", care: "≈ with care", holds: "✓ holds" };
  for (const [verdict, name] of Object.entries(verdicts)) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.value = verdict;
    button.textContent = name;
    button.addEventListener("click", () => show(verdict));
    filter.append(button);
  }
  ledger.before(filter, told);
  show("");
});
