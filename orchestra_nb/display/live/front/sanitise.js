// A picture that comes as text becomes elements only through here. A saved notebook may have been forged, so what is
// not on these lists is left out; and what is on them can neither run anything nor ask another machine for something.

const SVG = "http://www.w3.org/2000/svg";
const XLINK = "http://www.w3.org/1999/xlink";
const MOST_CHARACTERS = 4_000_000;
const ELEMENTS = new Set([
  "svg", "g", "title", "desc", "path", "polygon", "polyline", "rect", "circle", "ellipse", "line", "text", "tspan",
]);
const ATTRIBUTES = new Set([
  "class", "cx", "cy", "d", "dominant-baseline", "dx", "dy", "fill", "fill-opacity", "font-family", "font-size",
  "font-style", "font-weight", "height", "opacity", "points", "preserveAspectRatio", "r", "rx", "ry", "stroke",
  "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width", "text-anchor",
  "textLength", "lengthAdjust", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
]);

function pictureOf(text) {
  // The <svg> element of a text; null for what is none.
  if (text.length > MOST_CHARACTERS) return null;
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root.localName !== "svg" || root.namespaceURI !== SVG || parsed.querySelector("parsererror")) return null;
  return harmless(root);
}

function harmless(element) {
  // A copy of what is allowed. A link becomes a group, and what it says on hover a title.
  const link = element.localName === "a";
  const copy = document.createElementNS(SVG, link ? "g" : element.localName);
  for (const { name, value } of element.attributes) {
    if (ATTRIBUTES.has(name) && !/url\s*\(|[<>\\]/i.test(value)) copy.setAttribute(name, value);
  }
  const said = link ? element.getAttributeNS(XLINK, "title") : "";
  if (said && said.trim()) {
    const title = document.createElementNS(SVG, "title");
    title.textContent = said;
    copy.append(title);
  }
  const linked = element.querySelector(":scope > g > a") !== null; // then its own title is one of dot's, as "n0"
  for (const child of element.childNodes) {
    if (linked && child.localName === "title") continue;
    if (child.nodeType === Node.TEXT_NODE || child.nodeType === Node.CDATA_SECTION_NODE) copy.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE && child.namespaceURI === SVG) {
      if (ELEMENTS.has(child.localName) || child.localName === "a") copy.append(harmless(child));
    }
  }
  return copy;
}

function decoded(source) {
  // The text of a data URI of an SVG; null for any other source.
  const found = /^data:image\/svg\+xml;base64,([A-Za-z0-9+/=]+)$/.exec(source || "");
  if (!found) return null;
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(found[1]), (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}
