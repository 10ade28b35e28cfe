// Tables are sorted by a click on a head, long ones filtered by words. They read well without either.
(() => {
  "use strict";

  const LONG = 6; // rows; shorter tables are seen at a glance

  const key = (cell) => {
    const raw = cell.dataset.sort;
    if (raw === undefined) return null; // a gap: always last
    const number = Number(raw);
    return Number.isNaN(number) ? raw : number;
  };

  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

  const sort = (table, column, falling) => {
    const rows = [...table.tBodies[0].rows];
    rows.sort((left, right) => {
      const a = key(left.cells[column]);
      const b = key(right.cells[column]);
      if (a === null || b === null) return (a === null) - (b === null);
      return falling ? compare(b, a) : compare(a, b);
    });
    table.tBodies[0].append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (![...table.tBodies[0].rows].some((row) => row.cells[column].dataset.sort !== undefined)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        sort(table, column, falling);
      });
    });
  }

  // Rows that hold every one of the words stay.
  const filter = (table, words) => {
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    return rows.filter((row) => !row.hidden).length;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const rows = table.tBodies[0].rows.length;
    if (rows <= LONG) continue;
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("span");
    label.className = "filter";
    label.append("Filter rows ", input, told);
    input.type = "search";
    input.autocomplete = "off";
    told.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const left = filter(table, input.value.toLowerCase().split(/\s+/).filter(Boolean));
      told.textContent = left === rows ? "" : ` ${left} of ${rows}`;
    });
    table.closest(".table").before(label);
  }
})();
