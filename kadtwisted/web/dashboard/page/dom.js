// Elements made from text.  Whatever comes from the network is put on the page by these functions,
// and they make text nodes and attributes only: nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

// Sets a text only if it is another one, so that selections and screen readers are left in peace.
export function say(element, text) {
  const told = String(text);
  if (element.textContent !== told) element.textContent = told;
}

// Makes the children of `parent` those of `items`, in their order.  An item that was there before
// keeps its element, and with it the focus and what is opened; `update` writes what has changed.
export function keyed(parent, items, keyOf, build, update) {
  const old = new Map([...parent.children].map((each) => [each.dataset.key, each]));
  const used = new Set();
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let element = old.get(key);
    if (element === undefined) {
      element = build(item);
      element.dataset.key = key;
    } else {
      old.delete(key);
    }
    used.add(element);
    update(element, item);
    if (element === before) before = before.nextElementSibling;
    else parent.insertBefore(element, before);
  }
  for (const each of [...parent.children]) if (!used.has(each)) each.remove();
}
