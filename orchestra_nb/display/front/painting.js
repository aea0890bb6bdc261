// A box of the graph takes the look of its state: colour, border and mark. Nothing is laid out again.

function paint(group, state, { fill, border, mark }) {
  group.dataset.state = state;
  const shape = group.querySelector("path, polygon, rect, ellipse");
  if (shape) {
    shape.setAttribute("fill", fill);
    if (!shape.hasAttribute("data-line")) shape.setAttribute("stroke", border);
  }
  const place = group.querySelector("text.mark");
  if (place) place.textContent = mark;
}
