/* Short names for what every part of the page does with the document. */
export const $ = (selector, root = document) => root.querySelector(selector);
export const say = (text) => { $("#status").textContent = text; };
export const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

/* A button that cannot be used now keeps the focus: whoever pressed it does not fall out of the page. */
export function enable(node, on) {
  if (on) node.removeAttribute("aria-disabled"); else node.setAttribute("aria-disabled", "true");
}

export function make(tag, text = "", name = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = name;
  return node;
}

export function button(text, name, action) {
  const node = make("button", text, name);
  node.type = "button";
  node.onclick = action;
  return node;
}
