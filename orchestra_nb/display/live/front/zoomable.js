// A picture in a figure that can be reached by Tab: + and - (or the wheel, once the picture has the focus, or with
// Ctrl) change its scale, dragging and the arrows move it, 0 shows all of it. Names under the mouse are the picture's
// own titles. The wheel is left to the page until the picture has the focus, so that scrolling past does not stick.
// Everything hangs on the figure's own elements, and goes with them.

const MOST_ZOOM = 40;
const HINT = "+ and − or the wheel to zoom, drag or arrow keys to move, 0 for all of it";

function zoomable(picture, label) {
  const figure = document.createElement("figure");
  figure.className = "orchestra-zoom";
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-roledescription", "picture that can be zoomed");
  figure.setAttribute("aria-label", `${label}. ${HINT}`);
  Object.assign(figure.style, { display: "block", margin: "0", position: "relative" });
  let view = null; // x, y, width and height of what is seen, and of all
  const see = () => {
    const svg = figure.querySelector("svg");
    if (svg && view) svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
    figure.style.cursor = view && view.w < view.whole.w ? "grab" : "";
  };
  figure.show = (fresh) => {
    // Another version of the same picture: what was looked at stays in view.
    const box = whole(fresh);
    const same = view && box && ["x", "y", "w", "h"].every((side) => view.whole[side] === box[side]);
    if (!same) view = box && { ...box, whole: box };
    fresh.setAttribute("aria-hidden", "true"); // the figure says it
    fresh.style.cssText = figure.fit || "display:block;max-width:100%;height:auto";
    figure.replaceChildren(fresh);
    see();
  };
  const scale = (factor, at) => {
    if (!view) return;
    const w = Math.min(view.whole.w, Math.max(view.whole.w / MOST_ZOOM, view.w / factor));
    const h = (w / view.whole.w) * view.whole.h;
    view = clamped({ ...view, x: view.x + (view.w - w) * at.x, y: view.y + (view.h - h) * at.y, w, h });
    see();
  };
  const move = (dx, dy) => {
    if (!view) return;
    view = clamped({ ...view, x: view.x + dx * view.w, y: view.y + dy * view.h });
    see();
  };
  const keys = {
    "+": () => scale(1.4, MIDDLE), "=": () => scale(1.4, MIDDLE), "-": () => scale(1 / 1.4, MIDDLE),
    0: () => scale(0, MIDDLE), ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0),
    ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
  };
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook takes arrows and digits for commands
    if (event.key === "0" && view) view = { ...view.whole, whole: view.whole };
    if (event.key === "0") see();
    else keys[event.key]();
  });
  figure.addEventListener("wheel", (event) => {
    if (!(event.ctrlKey || document.activeElement === figure)) return;
    event.preventDefault();
    event.stopPropagation();
    scale(event.deltaY < 0 ? 1.15 : 1 / 1.15, within(figure, event));
  }, { passive: false });
  dragged(figure, move);
  figure.show(picture);
  return figure;
}

const MIDDLE = { x: 0.5, y: 0.5 };

function whole(svg) {
  const told = (svg.getAttribute("viewBox") || "").trim().split(/[\s,]+/).map(Number);
  const [x, y, w, h] = told.length === 4 ? told : [0, 0, parseFloat(svg.getAttribute("width")), parseFloat(svg.getAttribute("height"))];
  return [x, y, w, h].every(Number.isFinite) && w > 0 && h > 0 ? { x, y, w, h } : null;
}

function clamped(view) {
  const { whole: all } = view;
  const inside = (at, size, from, length) => Math.max(from, Math.min(at, from + length - size));
  return { ...view, x: inside(view.x, view.w, all.x, all.w), y: inside(view.y, view.h, all.y, all.h) };
}

function within(figure, event) {
  const box = figure.firstElementChild.getBoundingClientRect();
  const part = (at, from, size) => (size ? Math.max(0, Math.min(1, (at - from) / size)) : 0.5);
  return { x: part(event.clientX, box.left, box.width), y: part(event.clientY, box.top, box.height) };
}

function dragged(figure, move) {
  let last = null;
  figure.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    last = event;
    figure.setPointerCapture(event.pointerId);
    figure.focus({ preventScroll: true });
  });
  figure.addEventListener("pointermove", (event) => {
    if (!last) return;
    const box = figure.firstElementChild.getBoundingClientRect();
    if (box.width && box.height) move((last.clientX - event.clientX) / box.width, (last.clientY - event.clientY) / box.height);
    last = event;
  });
  for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, () => { last = null; });
}

function livened(image) {
  // Put a figure in the place of one of our images; null where it is no picture that can be shown so.
  const picture = pictureOf(decoded(image.getAttribute("src")) ?? "");
  if (!picture) return null;
  const figure = zoomable(picture, image.getAttribute("alt") || "picture");
  figure.fit = image.style.cssText;
  figure.firstElementChild.style.cssText = figure.fit;
  figure.source = image.getAttribute("src");
  image.replaceWith(figure);
  return figure;
}
