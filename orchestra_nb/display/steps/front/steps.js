// A story that is walked through. The kernel sends the story's head and frames in chunks; walking needs no kernel as far
// as the frames are here, and those that are not are asked for. Turning a control is a message, and the kernel's answer
// is another telling of the story, of which what is left of the old one is forgotten.
//
// The place, and why there is no widget view, are those of the dashboard (display/live/front/dashboard.js). When the
// model goes, the twin that stood in the place comes back.

const AHEAD = 300_000; // characters that are fetched before anybody has asked for them
const PACE = 1_100; // milliseconds between two steps that are played
const SLOW = 400; // milliseconds after which it is said that the kernel is waited for
const MOVES = [
  ["first", "First", "First step (Home)", (at) => -at],
  ["back", "Back", "Back one step (left arrow)", () => -1],
  ["forward", "Forward", "Forward one step (right arrow)", () => 1],
  ["last", "Last", "Last step (End)", (at, count) => count - 1 - at],
];
const KEYS = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last" };
const LOST = "The kernel has gone: the steps that are here can still be walked through, and nothing can be turned.";
const WAITS = "Waiting for the kernel …";
let stories = 0;

function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function tallest(element, most) {
  // What has once been so tall stays so, or all below it would jump from step to step.
  return `${Math.min(Math.max(parseFloat(element.style.minHeight) || 0, element.scrollHeight), most)}px`;
}

class Held {
  // The frames that are here. A picture stands as its lines, which neighbours share.
  constructor(head) {
    this.telling = head.telling;
    this.count = head.count;
    this.frames = new Map();
    this.weight = 0;
  }

  take({ telling, first, pool, frames }) {
    if (telling !== this.telling) return;
    let before = [];
    frames.forEach((frame, i) => {
      const lines = frame.panels.map(([, , , parts], panel) => {
        if (Array.isArray(parts)) return parts.map((part) => pool[part]);
        const changed = [...before[panel]];
        for (const [position, part] of Object.entries(parts)) changed[position] = pool[part];
        return changed;
      });
      const panels = frame.panels.map(([title, said, markup], panel) => ({ title, said, markup: pool[markup], lines: lines[panel] }));
      this.frames.set(first + i, { title: frame.title, told: frame.told, panels });
      before = lines;
    });
    this.weight += pool.reduce((sum, text) => sum + text.length, 0);
  }

  missing(from) {
    // The next position that is not here; null when all are.
    for (let i = 0; i < this.count; i++) {
      const at = (from + i) % this.count;
      if (!this.frames.has(at)) return at;
    }
    return null;
  }
}

class View {
  constructor(model, el) {
    this.model = model;
    this.id = `orchestra-story-${model.get("place")}-${++stories}`; // each model has a module, and a count, of its own
    this.at = 0;
    this.panels = [];
    this.root = made("section", { class: "orchestra-steps", "data-lm-suppress-shortcuts": "true" });
    this.title = made("h4", { id: `${this.id}-title` });
    this.summary = made("div", { class: "orchestra-summary", role: "status", "aria-live": "polite" });
    this.controls = made("div", { class: "orchestra-turned", role: "group", "aria-label": "What can be turned" });
    this.notice = made("p", { class: "orchestra-notice", role: "alert" });
    this.told = made("div", { class: "orchestra-told", role: "status", "aria-live": "polite", "aria-atomic": "true" });
    this.grid = made("div", { class: "orchestra-scene", role: "group", "aria-label": "What is to be seen at this step" });
    this.root.setAttribute("aria-labelledby", this.title.id);
    this.root.append(this.title, this.summary, this.controls, this.notice, this.walking(), this.told, this.grid);
    this.root.addEventListener("keydown", (event) => this.key(event));
    el.append(this.root);
    this.draw();
  }

  walking() {
    this.buttons = MOVES.map(([name, sign, label, by]) => {
      const button = made("button", { type: "button", "data-move": name, title: label, "aria-label": label }, sign);
      button.addEventListener("click", () => this.move(by(this.at, this.held.count)));
      return button;
    });
    this.play = made("button", { type: "button", "data-move": "play", "aria-pressed": "false" }, "Play");
    this.play.addEventListener("click", () => (this.playing ? this.stop() : this.start()));
    this.slider = made("input", { type: "range", min: 1, step: 1, "aria-label": "Step", "data-move": "to" });
    this.slider.addEventListener("input", () => this.move(Number(this.slider.value) - 1 - this.at));
    this.where = made("output", { class: "orchestra-where" });
    const group = made("div", { class: "orchestra-walk", role: "group", "aria-label": "Walk through the steps" });
    group.append(...this.buttons, this.play, this.slider, this.where);
    return group;
  }

  // What the kernel says

  draw() {
    const head = this.model.get("head");
    if (head && this.held?.telling !== head.telling) this.tell(head);
    const chunk = this.model.get("chunk");
    if (chunk && chunk !== this.chunk) {
      this.chunk = chunk;
      this.held.take(chunk);
      this.asked = null;
    }
    const said = this.model.get("said");
    if (said && said !== this.said && said.words !== undefined) {
      this.said = said;
      this.says(said.words);
      if (said.words) this.reset(head);
    }
    this.busy(false);
    this.show();
  }

  tell(head) {
    this.held = new Held(head);
    this.asked = null;
    this.at = Math.min(this.at, head.count - 1);
    this.title.textContent = head.title;
    this.summary.replaceChildren(...head.summary.map((line) => made("p", {}, line)));
    this.slider.max = head.count;
    for (const one of [this.told, ...this.panels.map(({ body }) => body)]) one.style.minHeight = "";
    this.reset(head);
  }

  reset(head) {
    // The controls as they stand; those that are there stay, for one of them may have the focus.
    const there = [...this.controls.children].map((one) => one.dataset.control);
    if (there.join("\n") !== head.controls.map((one) => one.name).join("\n")) {
      this.controls.replaceChildren(...head.controls.map((control, i) => this.control(control, i)));
    }
    head.controls.forEach((control, i) => this.controls.children[i].stands(control));
    this.controls.hidden = !head.controls.length;
  }

  control(control, number) {
    const id = `${this.id}-control-${number}`;
    const label = made("label", { for: id }, control.label);
    const box = made("div", { "data-control": control.name }, label);
    const turned = (value) => {
      this.busy(true);
      this.model.send({ action: "turn", name: control.name, value });
    };
    if (control.options) {
      const select = made("select", { id });
      select.addEventListener("change", () => turned(select.value));
      box.append(select);
      box.stands = ({ value, options }) => {
        select.replaceChildren(...options.map((one) => made("option", { value: one.value }, one.label)));
        select.value = value;
      };
    } else {
      const input = made("input", { id, type: "range" });
      const shown = made("output", { for: id });
      let unit = "";
      const says = () => { shown.textContent = `${input.value}${unit}`; };
      input.addEventListener("input", says);
      input.addEventListener("change", () => turned(Number(input.value)));
      box.append(input, shown);
      box.stands = ({ value, least, most, step, unit: of }) => {
        Object.assign(input, { min: least, max: most, step });
        input.value = value;
        unit = of ? ` ${of}` : "";
        says();
      };
    }
    return box;
  }

  says(words) {
    if (this.notice.textContent !== words) this.notice.textContent = words;
  }

  busy(waits) {
    clearTimeout(this.slow);
    if (this.notice.textContent === WAITS) this.says("");
    if (waits && !this.lone) this.slow = setTimeout(() => this.says(WAITS), SLOW);
  }

  // Walking

  key(event) {
    const inside = event.target.closest?.("input, select, figure");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (inside) {
      event.stopPropagation(); // a slider's and a picture's keys are their own, and not the notebook's
      return;
    }
    const name = KEYS[event.key];
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    this.stop();
    this.move(MOVES.find(([move]) => move === name)[3](this.at, this.held.count));
  }

  move(by) {
    const at = Math.max(0, Math.min(this.held.count - 1, this.at + by));
    if (at === this.at) return;
    this.at = at;
    this.show();
  }

  start() {
    if (this.at === this.held.count - 1) this.at = 0;
    this.playing = setInterval(() => {
      if (!this.root.isConnected || this.at === this.held.count - 1) this.stop();
      else if (this.held.frames.has(this.at)) this.move(1);
    }, PACE);
    this.plays(true);
    this.show();
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.plays(false);
  }

  plays(on) {
    this.play.textContent = on ? "Pause" : "Play";
    this.play.setAttribute("aria-pressed", String(on));
  }

  show() {
    const frame = this.held.frames.get(this.at);
    const told = `Step ${this.at + 1} of ${this.held.count}`;
    this.slider.value = this.at + 1;
    this.slider.setAttribute("aria-valuetext", frame ? `${told}, ${frame.title}` : told);
    this.where.textContent = frame ? `${told} · ${frame.title}` : told;
    this.buttons.forEach((button, i) => {
      const still = i < 2 ? this.at === 0 : this.at === this.held.count - 1;
      button.setAttribute("aria-disabled", String(still));
    });
    this.root.dataset.step = this.at + 1;
    this.root.setAttribute("aria-busy", String(!frame));
    if (frame) this.scene(frame);
    this.fetch(frame);
  }

  fetch(here) {
    // Ask for what is missed now, or for what will be, while there is room.
    const missing = here ? this.held.missing(this.at) : this.at;
    if (missing === null || this.asked !== null || this.lone) return;
    const near = missing - this.at;
    if (here && this.held.weight > AHEAD && !(near >= 0 && near < 10)) return;
    this.asked = missing;
    if (!here) this.busy(true);
    this.model.send({ action: "frames", telling: this.held.telling, at: missing });
  }

  scene(frame) {
    if (this.frame === frame) return;
    this.frame = frame;
    this.told.replaceChildren(...frame.told.map((line) => made("p", {}, line)));
    this.told.style.minHeight = tallest(this.told, 140);
    while (this.panels.length > frame.panels.length) this.panels.pop().section.remove();
    frame.panels.forEach((panel, i) => {
      this.panels[i] ??= this.panel(i);
      this.fill(this.panels[i], panel);
    });
  }

  panel(number) {
    const id = `${this.id}-panel-${number}`;
    const name = made("h5", { id });
    const picture = made("div", { class: "orchestra-white" });
    const body = made("div", { class: "orchestra-words" });
    const section = made("section", { "aria-labelledby": id, "data-panel": number }, name, picture, body);
    this.grid.append(section);
    return { section, name, picture, body, svg: null, markup: null };
  }

  fill(shown, { title, said, markup, lines }) {
    shown.name.textContent = title;
    shown.section.dataset.title = title;
    const svg = lines.join("\n");
    if (svg !== shown.svg) {
      shown.svg = svg;
      const picture = svg ? pictureOf(svg) : null;
      shown.picture.hidden = !picture;
      if (picture && picture.viewBox.baseVal.width > 640) shown.section.classList.add("orchestra-wide");
      if (!picture) shown.picture.replaceChildren();
      else if (shown.picture.firstChild?.show) shown.picture.firstChild.show(picture);
      else shown.picture.replaceChildren(zoomable(picture, said));
    }
    shown.picture.firstChild?.setAttribute("aria-label", `${title}: ${said}. ${HINT}`);
    if (markup !== shown.markup) {
      shown.markup = markup;
      morphed(shown.body, markup);
    }
    shown.body.style.minHeight = tallest(shown.body, 420);
  }

  lost() {
    this.lone = true;
    this.busy(false);
    for (const one of this.controls.querySelectorAll("input, select")) one.disabled = true;
    this.says(LOST);
  }
}

class Places {
  // All elements of one model's place in the page, each with its view.
  constructor(model) {
    this.model = model;
    this.wanted = `[data-orchestra-live="${CSS.escape(model.get("place"))}"]`;
    this.views = new Map();
  }

  look(root) {
    const found = [...(root.matches?.(this.wanted) ? [root] : []), ...(root.querySelectorAll?.(this.wanted) ?? [])];
    for (const place of found) {
      if (this.views.has(place)) continue;
      const twin = [...place.childNodes];
      place.replaceChildren();
      this.views.set(place, { view: new View(this.model, place), twin });
    }
  }

  each(what) {
    for (const { view } of this.views.values()) what(view);
  }

  end() {
    for (const [place, { view, twin }] of this.views) {
      view.stop();
      if (place.isConnected) place.replaceChildren(...twin);
    }
    this.views.clear();
  }
}

export default {
  initialize({ model }) {
    const places = new Places(model);
    const draw = () => places.each((view) => view.draw());
    const lost = () => places.each((view) => view.lost());
    const observer = new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes) {
        if (target.closest?.(".orchestra-steps")) continue;
        for (const added of addedNodes) if (added.nodeType === Node.ELEMENT_NODE) places.look(added);
      }
    });
    observer.observe(document.body, { childList: true, subtree: true });
    model.on("change", draw);
    model.on("comm_live_update", lost);
    places.look(document.body);
    return () => {
      observer.disconnect();
      model.off("change", draw);
      model.off("comm_live_update", lost);
      places.end();
    };
  },
};
