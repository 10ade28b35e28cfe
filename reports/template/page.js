// A switch for light and dark, and a contents list that follows the reader. The page reads well without either.
(() => {
  "use strict";

  const theme = document.getElementById("theme");
  const root = document.documentElement;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // The contents list follows the reader.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "0px 0px -70% 0px" },
  );
  for (const head of document.querySelectorAll("main h2[id]")) seen.observe(head);

  // What a link leads to is opened, and the menu closed.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    document.getElementById("menu").open = false;
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // A slider under a drawing of walks (their ids say of how many points a whole one is) moves along all of them.
  for (const drawing of document.querySelectorAll(".drawing:has(g[id*='-walk-'])")) {
    const walks = [...drawing.querySelectorAll("g[id*='-walk-']")].map((group) => {
      const [line, mark] = [group.querySelector(":scope > path"), group.querySelector("use")];
      const points = line.getAttribute("d").match(/[ML] [^ML]+/g).map((point) => point.trim());
      return { line, mark, points, whole: Number(group.id.split("-of-")[1]) };
    });
    const label = document.createElement("label");
    const range = Object.assign(document.createElement("input"), { type: "range", max: 100, value: 100 });
    label.className = "slider";
    label.append("Share of the steps ", range);
    const show = (share) => {
      for (const { line, mark, points, whole } of walks) {
        const end = Math.min(Math.round((share / 100) * (whole - 1)), points.length - 1);
        line.setAttribute("d", points.slice(0, end + 1).join(" "));
        const [x, y] = points[end].slice(2).split(" ");
        mark.setAttribute("x", x);
        mark.setAttribute("y", y);
      }
      range.setAttribute("aria-valuetext", `${share} %`);
    };
    range.addEventListener("input", () => show(range.valueAsNumber));
    addEventListener("beforeprint", () => show(100));
    addEventListener("afterprint", () => show(range.valueAsNumber));
    drawing.after(label);
  }
})();
