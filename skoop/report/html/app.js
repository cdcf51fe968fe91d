"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  if (!data.nodes.length) return;
  const root = document.documentElement;
  const narrow = () => $("path").clientWidth < 620;
  const ROW = 2.4, STEP = 150; // px: how a drawing that is too wide is turned to run downwards

  function place(node, downwards) {
    return downwards ? { x: node.y * ROW, y: node.column * STEP } : { x: node.x, y: node.y };
  }

  function look() {
    const of = (name) => getComputedStyle(root).getPropertyValue(name).trim();
    const font = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
    return [
      { selector: "node", style: {
        label: "data(label)", "text-wrap": "wrap", "text-valign": "center", "font-size": 12,
        "font-family": font, color: of("--ink"), shape: "round-rectangle", width: "data(width)",
        height: "data(height)", "background-color": of("--node"), "border-width": 1,
        "border-color": of("--node-line") } },
      { selector: "node[kind='pod']", style: {
        "background-color": of("--pod"), "border-color": of("--pod-line") } },
      { selector: "node[kind='external'], node[kind='cloud']", style: {
        "background-color": of("--cloud"), "border-color": of("--cloud-line") } },
      { selector: "node[kind='stop']", style: {
        "background-color": of("--bad-paper"), "border-color": of("--bad"),
        "border-style": "dashed", color: of("--bad") } },
      { selector: "node[?blamed]", style: { "border-color": of("--bad"), "border-width": 4 } },
      { selector: "edge", style: {
        "curve-style": "unbundled-bezier", "control-point-distances": -9,
        "control-point-weights": 0.5, width: 2, "line-color": of("--wire"),
        "target-arrow-color": of("--wire"), "target-arrow-shape": "triangle",
        label: "data(label)", "target-label": "data(nat)", "target-text-offset": 74,
        "text-wrap": "wrap", "font-size": 10, "font-family": font, "text-margin-y": -9,
        "target-text-margin-y": 12, color: of("--soft"), "text-background-color": of("--paper"),
        "text-background-opacity": 0.8 } },
      { selector: "edge[?back]", style: { "line-style": "dashed", label: "", "target-label": "" } },
      { selector: "edge[?tunnel]", style: { width: 5, "line-color": of("--tunnel") } },
      { selector: ".aside", style: { opacity: 0.15 } },
      { selector: ".chosen", style: {
        "overlay-color": of("--pod-line"), "overlay-opacity": 0.2, "overlay-padding": 5 } },
    ];
  }

  $("picture").hidden = true;
  for (const id of ["tools", "graph", "chosen", "places", "theme"]) $(id).hidden = false;
  let downwards = narrow();
  const cy = cytoscape({
    container: $("graph"),
    elements: [
      ...data.nodes.map((node) => ({
        group: "nodes", data: { ...node, id: node.key }, position: place(node, downwards) })),
      ...data.edges.map((edge) => ({ group: "edges", data: { ...edge, id: edge.key } })),
    ],
    style: look(),
    layout: { name: "preset" },
    autoungrabify: true,
    boxSelectionEnabled: false,
    minZoom: 0.1,
    maxZoom: 3,
    userZoomingEnabled: false, // the wheel scrolls the page; with Ctrl it zooms
  });
  const MARGIN = 20, LOW = 180, HIGH = 560; // px
  const LEGIBLE = 0.7; // the least zoom at first: what does not fit then is reached by dragging
  function fit() {
    const box = cy.elements().boundingBox();
    const wide = Math.min(1.2, ($("graph").clientWidth - 2 * MARGIN) / box.w);
    const height = box.h * Math.max(wide, LEGIBLE) + 2 * MARGIN;
    $("graph").style.height = `${Math.min(Math.max(height, LOW), HIGH)}px`;
    cy.resize();
    cy.fit(undefined, MARGIN);
    if (cy.zoom() >= LEGIBLE) return;
    cy.zoom(LEGIBLE);
    cy.center(cy.nodes("[?blamed]")[0] || cy.nodes()[0]);
    // No room is left empty on one side while the drawing goes on at the other.
    const within = (pan, low, high, size) => {
      const first = MARGIN - low * LEGIBLE, last = size - MARGIN - high * LEGIBLE;
      return last > first ? (first + last) / 2 : Math.min(first, Math.max(pan, last));
    };
    cy.pan({
      x: within(cy.pan().x, box.x1, box.x2, cy.width()),
      y: within(cy.pan().y, box.y1, box.y2, cy.height()),
    });
  }
  fit();

  // --- which way, and in which direction ------------------------------------------------------
  const lane = $("lane");
  lane.add(new Option(`all ${data.lanes.length} ways`, "all"));
  data.lanes.forEach((one, number) => lane.add(new Option(one.label, String(number))));
  lane.parentElement.hidden = data.lanes.length < 2;

  function filter() {
    const way = document.querySelector("input[name=way]:checked").value;
    const uses = (edge) =>
      (lane.value === "all" || edge.lanes.includes(Number(lane.value))) &&
      (way === "both" || edge.back === (way === "return"));
    const used = new Set();
    cy.batch(() => {
      for (const edge of data.edges) {
        const shown = uses(edge);
        cy.getElementById(edge.key).toggleClass("aside", !shown);
        if (shown) used.add(edge.source).add(edge.target);
      }
      for (const node of data.nodes)
        cy.getElementById(node.key).toggleClass("aside", used.size > 0 && !used.has(node.key));
    });
    for (const section of document.querySelectorAll("#steps .lane"))
      section.hidden = lane.value !== "all" && section.dataset.lane !== lane.value;
    for (const leg of document.querySelectorAll("#steps .leg"))
      leg.hidden = way !== "both" && leg.dataset.way !== way;
  }
  $("tools").addEventListener("change", filter);

  // --- what belongs to a chosen place or line -------------------------------------------------
  const NOTHING = "Nothing more is known of this.";
  function show(title, parts) {
    const heading = document.createElement("h3");
    heading.textContent = title;
    const none = document.createElement("p");
    none.textContent = NOTHING;
    $("chosen").replaceChildren(heading, ...(parts.length ? parts : [none]));
  }
  function copies(selector) {
    const seen = new Set();
    return [...document.querySelectorAll(selector)].filter((one) => {
      const known = seen.has(one.textContent);
      seen.add(one.textContent);
      return !known;
    }).map((one) => one.cloneNode(true));
  }
  function choose(key) {
    const one = cy.getElementById(key);
    cy.elements().removeClass("chosen");
    one.addClass("chosen");
    for (const button of $("places").children)
      button.setAttribute("aria-pressed", String(button.dataset.key === key));
    if (one.isNode()) {
      // Where packets stop is no place of its own: what happened is told where they came from.
      const at = one.data("kind") === "stop" ? one.incomers("node").map((each) => each.id()) : [key];
      const hops = at.flatMap((each) => copies(`#steps [data-node="${each}"]`));
      const list = document.createElement("ul");
      list.append(...hops);
      show(one.data("title"), hops.length ? [list] : []);
    } else {
      const ends = [one.source(), one.target()].map((end) => end.data("label").split("\n")[0]);
      show(ends.join(" \u2192 "), copies(`#packets [data-edge="${key}"]`));
    }
  }
  cy.on("tap", "node, edge", (event) => choose(event.target.id()));

  for (const node of data.nodes) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.key = node.key;
    button.textContent = node.title;
    button.className = node.kind === "stop" ? "broken" : "";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(node.key));
    $("places").append(button);
  }
  $("places").addEventListener("keydown", (event) => {
    const turn = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    const next = turn && document.activeElement[turn];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  });
  for (const link of document.querySelectorAll("[data-goto]"))
    link.addEventListener("click", () => {
      const node = data.nodes.find((one) => one.names.includes(link.dataset.goto));
      if (!node) return;
      choose(node.key);
      $("path").scrollIntoView();
    });

  // --- the view -------------------------------------------------------------------------------
  const middle = () => ({ x: cy.width() / 2, y: cy.height() / 2 });
  const zoom = (factor) => cy.zoom({ level: cy.zoom() * factor, renderedPosition: middle() });
  $("zoom-in").addEventListener("click", () => zoom(1.3));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.3));
  $("zoom-fit").addEventListener("click", fit);
  $("graph").addEventListener("wheel", (event) => cy.userZoomingEnabled(event.ctrlKey), true);
  window.addEventListener("resize", () => {
    if (downwards !== narrow()) {
      downwards = narrow();
      for (const node of data.nodes) cy.getElementById(node.key).position(place(node, downwards));
    }
    fit();
  });
  const restyle = () => cy.style().fromJson(look()).update();
  $("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    restyle();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    $("picture").hidden = false;
  });
  window.addEventListener("afterprint", () => { $("picture").hidden = true; });
})();
