// Make what an element holds like some new HTML, and touch only what differs: what a reader has unfolded, scrolled to,
// selected or reached with the keyboard stays as it is.

function morphed(element, html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  alike(element, made.content);
}

function alike(element, fresh) {
  let old = element.firstChild;
  for (const child of [...fresh.childNodes]) {
    const next = old?.nextSibling ?? null;
    if (!old) element.append(child);
    else if (!grown(old, child)) old.replaceWith(child);
    old = next;
  }
  while (old) {
    const next = old.nextSibling;
    old.remove();
    old = next;
  }
}

function grown(old, fresh) {
  // Whether the old node could become the new one.
  if (old.nodeName === "FIGURE" && fresh.nodeName === "IMG") return repainted(old, fresh);
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return false;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return true;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
  alike(old, fresh);
  return true;
}

function kept(element, name) {
  // Whether a part is folded is the reader's.
  return element.nodeName === "DETAILS" && name === "open";
}

function repainted(figure, image) {
  // A picture that can be zoomed is shown anew in its figure.
  const source = image.getAttribute("src");
  if (figure.source !== source) {
    const picture = pictureOf(decoded(source) ?? "");
    if (!picture || !figure.show) return false;
    figure.show(picture);
    figure.source = source;
  }
  return true;
}
