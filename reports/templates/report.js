// Tables of the report are sorted by a click on a heading and filtered by words; without this script they stand as they are.
"use strict";
(() => {
  const number = (cell) => {
    const found = (cell?.textContent ?? "").replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "").match(/[-+]?\d*\.?\d+/);
    return found ? Number(found[0]) : null;
  };
  // The cell of a column, where neighbours that say the same may be one cell; the headings, where some have two floors.
  const spread = (cells) => [...cells].flatMap((cell) => Array(cell.colSpan).fill(cell));
  const headings = (table) => {
    const [upper, lower] = [...table.tHead.rows].map((row) => [...row.cells]);
    const below = lower ? [...lower] : [];
    return upper.flatMap((cell) => (cell.colSpan > 1 || (lower && cell.rowSpan < 2) ? below.splice(0, cell.colSpan) : [cell]));
  };
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const rows = () => [...table.tBodies[0].rows];
    const order = (head, at) => {
      const down = head.getAttribute("aria-sort") === "descending";
      for (const h of table.querySelectorAll("[aria-sort]")) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const key = (row) => (at ? number(spread(row.cells)[at]) : row.cells[0].textContent.trim());
      const sorted = rows().map((row, n) => [key(row), n, row]).sort(([a, i], [b, j]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        return (a < b ? -1 : a > b ? 1 : 0) * (down ? 1 : -1) || i - j;
      });
      table.tBodies[0].append(...sorted.map(([, , row]) => row));
    };
    headings(table).forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => order(head, at));
    });
  }
  for (const box of document.querySelectorAll("[data-filter]")) {
    const input = Object.assign(document.createElement("input"), { type: "search", placeholder: box.dataset.filter });
    input.setAttribute("aria-label", box.dataset.filter);
    const inside = document.getElementById(box.dataset.of);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of inside.querySelectorAll("[data-item]")) {
        item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word));
      }
    });
    box.append(input);
  }
})();
