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
// An element that is moved loses the focus and what is selected in it, so few are: what has gone goes
// first, and where one has moved down, it moves, and not all that came after it.
export function keyed(parent, items, keyOf, build, update) {
  const old = new Map([...parent.children].map((each) => [each.dataset.key, each]));
  const elements = items.map((item) => {
    const key = String(keyOf(item));
    let element = old.get(key);
    if (element === undefined) {
      element = build(item);
      element.dataset.key = key;
    } else {
      old.delete(key);
    }
    update(element, item);
    return element;
  });
  const used = new Set(elements);
  for (const each of [...parent.children]) if (!used.has(each)) each.remove();
  let before = parent.firstElementChild;
  for (const element of elements) {
    if (before && element === before.nextElementSibling) before = element;
    if (element === before) before = before.nextElementSibling;
    else parent.insertBefore(element, before);
  }
}
