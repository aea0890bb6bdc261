// The dashboard of a run. The kernel sends what has changed, one message for each redraw, which the model takes over
// before it says "change"; so a view that is opened later has everything as well. Clicks go back as messages and change
// nothing here: what a button has brought about is told by the kernel.
//
// There is no widget view. The kernel puts plain HTML into the cell, in an element that bears the name of the model's
// place; whenever such an element comes into the page, the dashboard takes the place of what is in it. So what is saved
// is plain HTML at any moment, and a page that is loaded anew while the run goes on has its dashboard again as soon as the
// kernel tells it of the model, which one that is busy does not.

const ACTIONS = [
  ["pause", "Pause", "Begin nothing new; what runs goes on to its end"],
  ["resume", "Resume", "Go on with the run"],
  ["cancel", "Cancel", "Stop the run; what is done stays done"],
];
const FOLDED = new Set(["events"]);
const GONE = "The kernel has gone, and the run with it: this is how it stood. Begin again with %load_ext orchestra_nb.";
const QUIET = 90; // seconds: a redraw comes more often than that, also where the times shown are whole minutes
let views = 0;

function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

class View {
  constructor(model, el) {
    this.model = model;
    this.id = `orchestra-${++views}`;
    this.shown = new Map();
    this.panels = new Map();
    this.status = made("p", { role: "status", "aria-live": "polite", class: "orchestra-status" });
    this.buttons = Object.fromEntries(ACTIONS.map(([action, label, hint]) => [action, this.button(action, label, hint)]));
    const controls = made("div", { class: "orchestra-controls", role: "group", "aria-label": "Control of the run" });
    controls.append(...Object.values(this.buttons));
    this.grid = made("div", { class: "orchestra-panels" });
    this.root = made("section", { class: "orchestra-dashboard", "aria-label": "Dashboard of the run" });
    this.root.append(made("div", { class: "orchestra-head" }, controls, this.status), this.grid);
    el.append(this.root);
    this.draw();
  }

  button(action, label, hint, more = {}) {
    const button = made("button", { type: "button", "data-action": action, title: hint, ...more }, label);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") this.model.send({ action, panel: more["data-of"] ?? "" });
    });
    return button;
  }

  // A front end says that the kernel was restarted, but not that one has died, and no message ever comes again: a
  // picture that goes on to say "running", with buttons that nobody hears, would be believed.
  lost() {
    for (const button of this.root.querySelectorAll("button[data-action]")) button.setAttribute("aria-disabled", "true");
    this.root.dataset.state = "lost";
    this.says(GONE);
  }

  silent(seconds) {
    if (this.root.dataset.state === "lost" || !this.root.isConnected) return;
    this.says(`Nothing was heard from the kernel for ${Math.round(seconds)} s: it is busy with something else, or it has gone.`);
  }

  // The model was closed, and no result has come to take this place: it went to a page that is not this one.
  ended() {
    if (this.root.dataset.state === "lost") return;
    for (const button of this.root.querySelectorAll("button[data-action]")) button.setAttribute("aria-disabled", "true");
    this.root.dataset.state = "over";
    this.says("The run has ended; %orchestrate status shows its result.");
  }

  heard() {
    if (/^Nothing was heard/.test(this.status.textContent)) this.says(this.model.get("status") ?? "");
  }

  draw() {
    if (this.fresh("controls")) this.controls(this.model.get("controls"));
    if (this.fresh("status")) this.says(this.model.get("status"));
    for (const key of this.model.get("order")) {
      if (this.fresh(`panel_${key}`)) this.panel(key, this.model.get(`panel_${key}`));
    }
    if (this.fresh("graph")) this.graph(this.model.get("graph"));
    for (let chunk = 0; this.model.get(`boxes_${chunk}`); chunk++) {
      if (this.fresh(`boxes_${chunk}`)) this.boxes(this.model.get(`boxes_${chunk}`));
    }
  }

  fresh(name) {
    const value = this.model.get(name);
    if (value === undefined || value === null || this.shown.get(name) === value) return false;
    this.shown.set(name, value);
    return true;
  }

  controls(can) {
    // aria-disabled rather than disabled: a button that goes dead under the finger would lose the focus.
    for (const [action, button] of Object.entries(this.buttons)) button.setAttribute("aria-disabled", String(!can[action]));
    this.buttons.pause.setAttribute("aria-pressed", String(can.state === "paused"));
    this.root.dataset.state = can.state;
  }

  says(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  panel(key, { title, html, frame }) {
    if (html === undefined) return; // not made yet, or shown in another way
    const panel = this.panels.get(key) ?? this.newPanel(key, title, frame);
    if (panel.name.textContent !== title) panel.name.textContent = title;
    morphed(panel.body, html);
    for (const image of panel.body.querySelectorAll("img.orchestra-picture")) livened(image);
  }

  newPanel(key, title, frame) {
    const id = `${this.id}-${key}`;
    const folded = FOLDED.has(key);
    const name = made("button", { type: "button", class: "orchestra-fold", "aria-expanded": String(!folded), "aria-controls": id }, title);
    const body = made("div", { id, class: "orchestra-body", role: "group", "aria-label": title, tabindex: 0 });
    body.hidden = folded;
    name.addEventListener("click", () => {
      body.hidden = !body.hidden;
      name.setAttribute("aria-expanded", String(!body.hidden));
    });
    const head = made("div", { class: "orchestra-panel-head" }, made("h4", {}, name));
    if (frame) {
      const hint = `Put the DataFrame behind it into the variable ${frame}`;
      head.append(this.button("frame", "as frame", hint, { "data-of": key, "aria-label": `${title} as frame` }));
    }
    const section = made("section", { "data-panel": key }, head, body);
    const order = this.model.get("order");
    const after = [...this.grid.children].find((other) => order.indexOf(other.dataset.panel) > order.indexOf(key));
    this.grid.insertBefore(section, after ?? null);
    const panel = { name, body };
    this.panels.set(key, panel);
    return panel;
  }

  graph({ svg, label, below }) {
    // Laid out once, drawn once; from now on boxes take the places of boxes.
    const picture = pictureOf(svg ?? "");
    if (!picture) return;
    const panel = this.panels.get("graph") ?? this.newPanel("graph", "Graph", "orchestra_graph");
    const text = made("div");
    text.innerHTML = below;
    const figure = zoomable(picture, label);
    panel.body.replaceChildren(made("div", { class: "orchestra-white" }, figure), text);
    this.figure = figure;
    this.painted = new Map();
    for (const name of [...this.shown.keys()].filter((name) => name.startsWith("boxes_"))) this.shown.delete(name);
  }

  boxes(groups) {
    for (const [number, text] of Object.entries(groups)) {
      if (!this.figure || this.painted.get(number) === text) continue;
      const group = pictureOf(`<svg xmlns="${SVG}">${text}</svg>`)?.firstElementChild;
      this.figure.querySelector(`g.n${Number(number)}`)?.replaceWith(group ?? "");
      this.painted.set(number, text);
    }
  }
}

class Places {
  // All elements of one model's place in the page, each with its view. One that is taken out of the page (a cell that
  // was scrolled away, an output that was drawn anew) is not drawn until it comes back.
  constructor(model) {
    this.model = model;
    this.wanted = `[data-orchestra-live="${CSS.escape(model.get("place"))}"]`;
    this.views = new Map();
    this.last = Date.now();
  }

  look(root) {
    const found = [...(root.matches?.(this.wanted) ? [root] : []), ...(root.querySelectorAll?.(this.wanted) ?? [])];
    for (const place of found) {
      if (this.views.has(place)) {
        this.views.get(place).draw();
        continue;
      }
      place.replaceChildren();
      this.views.set(place, new View(this.model, place));
      this.model.send({ action: "drawn" }); // from now on the kernel may let the model go
    }
  }

  get shown() {
    return [...this.views.values()].filter((view) => view.root.isConnected);
  }

  draw() {
    this.last = Date.now();
    for (const view of this.shown) {
      view.heard();
      view.draw();
    }
  }

  watch() {
    const seconds = (Date.now() - this.last) / 1000;
    if (seconds >= QUIET) for (const view of this.shown) view.silent(seconds);
  }
}

export default {
  initialize({ model }) {
    const places = new Places(model);
    const draw = () => places.draw();
    const lost = () => places.shown.forEach((view) => view.lost());
    const observer = new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes) {
        if (target.closest?.(".orchestra-dashboard")) continue;
        for (const added of addedNodes) if (added.nodeType === Node.ELEMENT_NODE) places.look(added);
      }
    });
    observer.observe(document.body, { childList: true, subtree: true });
    const watch = setInterval(() => places.watch(), 10_000);
    model.on("change", draw);
    model.on("comm_live_update", lost); // no model comes to life twice
    places.look(document.body);
    return () => {
      observer.disconnect();
      clearInterval(watch);
      model.off("change", draw);
      model.off("comm_live_update", lost);
      places.shown.forEach((view) => view.ended());
    };
  },
};
