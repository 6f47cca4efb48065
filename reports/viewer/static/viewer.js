// Comfort on top of pages that work without it: keys, folding, live pages, labels, and search in a folder of files.
// Texts of models are only ever set as text; no address outside of where the page comes from is asked.
"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a page from a disk may not */ } };

  // Light or dark: the system's, until the button is pressed.
  const theme = kept("akrasia-theme");
  if (theme) document.documentElement.dataset.theme = theme;
  one("#theme")?.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keep("akrasia-theme", root.dataset.theme);
  });

  const dialog = one("#keys");
  one("#help")?.addEventListener("click", () => dialog.showModal());

  // Only what differs from the baseline.
  const differs = one("#differs");
  const showDiffering = (on) => { document.body.classList.toggle("differs", on); keep("akrasia-differs", on ? "1" : ""); };
  if (differs) {
    differs.checked = kept("akrasia-differs") === "1";
    showDiffering(differs.checked);
    differs.addEventListener("change", () => showDiffering(differs.checked));
  }
  const openPrompts = () => {
    const prompts = all("details.prompt");
    const open = !prompts.every((p) => p.open);
    prompts.forEach((p) => { p.open = open; });
  };
  one("#prompts")?.addEventListener("click", openPrompts);

  // A text that is longer than its box is scrolled by keys too.
  const reachable = () => all(".text").forEach((text) => {
    if (text.scrollHeight > text.clientHeight + 1) text.tabIndex = 0;
  });
  addEventListener("toggle", reachable, true);
  reachable();

  // The draws of a decision: one of each variant is shown, and its tab says which.
  const drawn = all(".column").filter((column) => one(".draws", column));
  const showDraw = (column, number) => {
    const draws = all(".trial", column), tabs = all(".draws a", column);
    const at = Math.min(draws.length - 1, Math.max(0, number));
    draws.forEach((draw, n) => { draw.hidden = n !== at; });
    tabs.forEach((tab, n) => (n === at ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")));
    column.dataset.draw = at;
    reachable();
    column.classList.add("trials-shown");
  };
  const drawBar = one("#draws");
  const tellDraw = () => {
    const shown = new Set(drawn.map((column) => Number(column.dataset.draw) + 1));
    one("b", drawBar).textContent = shown.size === 1 ? [...shown][0] : "…";
  };
  const allDraws = (by) => {
    if (!drawn.length) {
      const links = all(".siblings a"), at = links.findIndex((link) => link.hasAttribute("aria-current"));
      if (links[at + by]) go(links[at + by]);
      return;
    }
    const from = by > 0 ? Math.min : Math.max;
    const next = from(...drawn.map((column) => Number(column.dataset.draw))) + by;
    drawn.forEach((column) => showDraw(column, next));
    tellDraw();
  };
  drawn.forEach((column) => showDraw(column, 0));
  if (drawn.length) {
    drawBar.hidden = false;
    tellDraw();
    all("[data-by]", drawBar).forEach((button) => button.addEventListener("click", () => allDraws(Number(button.dataset.by))));
  }

  // A link to a draw shows it, and one to a turn opens what it is folded into.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const draw = target && target.closest(".trial"), column = draw && draw.closest(".column");
    if (drawn.includes(column)) { showDraw(column, all(".trial", column).indexOf(draw)); tellDraw(); }
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView({ block: "nearest", inline: "center" });
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Keys.
  const go = (link) => { if (link) location.href = link.href; };
  const variant = (by) => {
    const columns = all(".column").filter((c) => c.offsetParent);
    if (!columns.length) return;
    const here = columns.findIndex((c) => `#${c.id}` === location.hash);
    const next = columns[Math.min(columns.length - 1, Math.max(0, here + by))];
    history.replaceState(null, "", `#${next.id}`);
    all(".column.here").forEach((c) => c.classList.remove("here"));
    next.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
    location.replace(`#${next.id}`);
  };
  const rows = (by) => {
    const links = all(".matrix tbody th a, .runs a.name");
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  };
  const label = (key) => {
    const buttons = all("form.label.blind button");
    const button = key === "0" ? buttons.at(-1) : buttons.slice(0, -1)[Number(key) - 1];
    if (button) button.click();
  };
  const keys = {
    j: () => (one(".columns") ? go(one("a[rel=next]")) : rows(1)),
    k: () => (one(".columns") ? go(one("a[rel=prev]")) : rows(-1)),
    l: () => variant(1),
    h: () => variant(-1),
    n: () => allDraws(1),
    p: () => allDraws(-1),
    d: () => { if (differs) { differs.checked = !differs.checked; showDiffering(differs.checked); } },
    o: openPrompts,
    u: () => go(one("a[rel=up]") ?? one(".brand")),
    "/": () => one("#search")?.focus(),
    "?": () => dialog.showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.closest?.("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (/^[0-9]$/.test(event.key)) return label(event.key);
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // A select of the list acts at once.
  all(".choose select").forEach((s) => s.addEventListener("change", () => s.form.requestSubmit()));

  // The scorecard takes as long as scoring does: it comes later. It is a page of this server, whose texts are escaped.
  const part = async (address) => new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
  const card = one("#scorecard");
  const score = async () => {
    if (!card) return;
    try {
      card.replaceChildren(...(await part(card.dataset.from)).body.childNodes);
    } catch {
      card.textContent = "The scorecard could not be fetched: is the viewer still running?";
    }
  };
  score();

  // A run that goes on: see whether it has, and lay the new counts over the old ones.
  if (document.body.dataset.live) {
    let version = document.body.dataset.live;
    const look = async () => {
      try {
        const state = await (await fetch("state")).json();
        if (state.version !== version) {
          version = state.version;
          const fresh = one("#fresh", await part(location.href));
          if (fresh && one("#fresh")) one("#fresh").replaceWith(document.adoptNode(fresh));
          one("#live").textContent = `live: ${state.rows.toLocaleString("en")} steps`;
        }
        if (!state.live) { one("#live").textContent = "ended"; return void score(); }
      } catch { one("#live").textContent = "the viewer does not answer"; }
      setTimeout(look, 2000);
    };
    setTimeout(look, 2000);
  }

  // Labels.
  const token = one("meta[name=akrasia-token]")?.content;
  all("form.label").forEach((form) => form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const blind = "blind" in form.dataset;
    const action = blind ? event.submitter.value : form.elements.action.value;
    const body = { step: JSON.parse(form.dataset.step), action, note: form.elements.note?.value ?? "", blind };
    const said = one("[role=status]", form);
    try {
      const answer = await fetch("labels", {
        method: "POST", headers: { "Content-Type": "application/json", "X-Akrasia-Token": token }, body: JSON.stringify(body),
      });
      const told = await answer.json();
      if (!answer.ok) said.textContent = told.error;
      else if (blind) location.reload();
      else said.textContent = "kept";
    } catch { said.textContent = "The label was not kept: is the viewer still running?"; }
  }));

  // Search in a folder of files: the texts lie in a script beside the pages, loaded at the first search.
  const box = one("#search"), found = one("#found");
  if (found) {
    let texts = null;
    const find = () => {
      const words = box.value.trim().toLowerCase();
      found.replaceChildren();
      if (!words || !texts) return;
      const hits = texts.filter(([, , text]) => text.toLowerCase().includes(words)).slice(0, 50);
      for (const [address, name, text] of hits) {
        const item = document.createElement("li"), link = document.createElement("a"), at = text.toLowerCase().indexOf(words);
        link.href = address;
        link.textContent = name;
        item.append(link, ` … ${text.slice(Math.max(0, at - 40), at + 80).replace(/\s+/g, " ")} …`);
        found.append(item);
      }
      if (!hits.length) found.append(Object.assign(document.createElement("li"), { textContent: "No text holds that." }));
    };
    box.addEventListener("focus", () => {
      if (texts) return;
      texts = [];
      globalThis.akrasiaTexts = (loaded) => { texts = loaded; find(); };
      document.head.append(Object.assign(document.createElement("script"), { src: "texts.js" }));
    }, { once: true });
    box.addEventListener("input", find);
  }
})();
