// What the node stores for the network, what it keeps published itself, and how much room there is.

import { byId, keyed, make, say } from "./dom.js";
import { brief, count, printable, several, size, span } from "./format.js";
import { nodeNow } from "./node.js";

// So many of each are asked for and shown.
export const MOST_SHOWN = 25;

const KINDS = { 1: "value", 2: "immutable", 3: "signed", 4: "announcement" };

const kindText = (kind) => KINDS[kind] ?? `kind ${kind}`;

export function showUsage(status) {
  meter("used-records", status.stored_records, status.most_records, count);
  meter("used-bytes", status.stored_bytes, status.most_bytes, size);
}

function meter(id, used, most, told) {
  const bar = byId(id);
  bar.max = most || 1;
  bar.value = most ? used : 0;
  say(byId(`${id}-says`), most ? `${told(used)} of ${told(most)}` : told(used));
}

export function showOwn(page, now = nodeNow()) {
  say(byId("own-says"), saysOf(page.own.length, page.next));
  rows(byId("own"), page.own, (each) => each.place.join("-"), 6, (each) => [
    kindText(each.place[0]),
    each.reference ?? each.place[1],
    printable(each.state),
    each.audit ? `${count(each.audit.held)}, ${span(now - each.audit.at_unix)} ago` : "–",
    each.pin ? `at ${several(each.pin, "node")}` : "–",
    each.next_at_unix === null ? "–" : until(each.next_at_unix - now),
  ]);
}

export function showStored(page, now = nodeNow()) {
  say(byId("stored-says"), saysOf(page.records.length, page.next));
  rows(byId("stored"), page.records, (each) => `${each.kind}-${each.key}-${each.sub}`, 5, (each) => [
    kindText(each.kind),
    each.key,
    size(bytesOf(each.data)),
    `${span(Math.max(0, now - each.arrived_unix))} ago`,
    until(each.expires_unix - now),
  ]);
}

// Of base64: three bytes in four digits, and the last of them may be none.
const bytesOf = (base64) => (base64.length / 4) * 3 - base64.match(/=*$/)[0].length;

const until = (seconds) => (seconds > 0 ? `in ${span(seconds)}` : "now");

const saysOf = (number, next) => (next ? `The first ${count(number)}.` : number ? "" : "None.");

function rows(body, items, keyOf, columns, texts) {
  keyed(
    body,
    items.slice(0, MOST_SHOWN),
    keyOf,
    () => make("tr", {}, ...Array.from({ length: columns }, () => make("td"))),
    (line, each) => {
      texts(each).forEach((text, index) => {
        const cell = line.children[index];
        const long = index === 1 && text.length > 20;
        say(cell, long ? brief(text) : text);
        if (index === 1) {
          cell.title = text;
          cell.className = "code";
        }
      });
    },
  );
}
