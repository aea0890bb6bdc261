// One model for a session, without any view: while it lives, our pictures in the page can be zoomed. What is stored
// stays the plain image; only the page's copy of it is replaced. Whatever goes wrong, an image stays an image.

const OURS = "img.orchestra-picture";

function liven(root) {
  const images = root.matches?.(OURS) ? [root] : root.querySelectorAll?.(OURS) ?? [];
  for (const image of images) {
    if (image.dataset.orchestraLeft) continue;
    try {
      if (!livened(image)) image.dataset.orchestraLeft = "no picture";
    } catch (error) {
      image.dataset.orchestraLeft = String(error);
    }
  }
}

export default {
  initialize() {
    const observer = new MutationObserver((changes) => {
      for (const change of changes) for (const added of change.addedNodes) if (added.nodeType === Node.ELEMENT_NODE) liven(added);
    });
    observer.observe(document.body, { childList: true, subtree: true });
    liven(document.body);
    return () => observer.disconnect();
  },
};
