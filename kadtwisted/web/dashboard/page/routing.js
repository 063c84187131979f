// The routing table, as a ring of all IDs and as k-buckets.

import { byId, draw, keyed, make, say } from "./dom.js";
import { brief, milliseconds, printable, several, span } from "./format.js";

const RADIUS = 100;
// More contacts than that a reader cannot tell apart; a table of usual size has fewer.
const MOST_DRAWN = 1000;
// A path with more steps is a web.
const MOST_STEPS = 40;

let own = null;

// Where an ID stands on the ring: its first 32 bits, clockwise from the top.
function place(id, radius = RADIUS) {
  const angle = (parseInt(id.slice(0, 8), 16) / 2 ** 32) * 2 * Math.PI;
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

export function showRouting(table) {
  own = table.node_id;
  const buckets = table.buckets;
  const contacts = buckets.flatMap((each) => each.contacts);
  drawContacts(contacts.slice(0, MOST_DRAWN));
  const states = ["verified", "tentative", "suspect"].map(
    (state) => contacts.filter((each) => each.state === state).length,
  );
  const filled = buckets.filter((each) => each.contacts.length);
  say(
    byId("routing-says"),
    `${several(contacts.length, "contact")} in ${several(filled.length, "bucket")}: ` +
      `${states[0]} verified, ${states[1]} to be verified, ${states[2]} suspect.`,
  );
  say(
    byId("ring-caption"),
    `All IDs as a ring, beginning at the top: this node and ${several(contacts.length, "contact")}`,
  );
  keyed(byId("buckets"), filled, (each) => `${each.family}-${each.prefix}-${each.length}`, buildBucket, updateBucket);
}

// A square for a suspect, as in the list of buckets; a round dot for others.
const shape = ([x, y], state) =>
  state === "suspect" ? `M${at([x - 3.5, y - 3.5])}h7v7h-7z` : `M${at([x - 3.5, y])}a3.5 3.5 0 1 1 7 0a3.5 3.5 0 1 1 -7 0z`;

function drawContacts(contacts) {
  const [x, y] = place(own);
  keyed(
    byId("ring-own"),
    [own],
    (id) => id,
    () => draw("circle", { class: "own", cx: x, cy: y, r: 5 }, draw("title", {}, "this node")),
    () => {},
  );
  keyed(
    byId("ring-contacts"),
    contacts,
    (each) => `${each.node_id}-${each.endpoint}`,
    (each) => {
      const title = draw("title", {}, `${brief(each.node_id)} at ${printable(each.endpoint)}`);
      return draw("path", {}, title);
    },
    (dot, each) => {
      dot.setAttribute("class", each.state);
      dot.setAttribute("d", shape(place(each.node_id), each.state));
    },
  );
}

// The newest lookup, as a line from this node over those that answered, towards the key.
export function drawPath(lookup) {
  const path = byId("ring-path");
  if (!own || !lookup) {
    path.replaceChildren();
    return;
  }
  const steps = lookup.trace.steps.slice(0, MOST_STEPS);
  const [x, y] = place(lookup.target, RADIUS + 10);
  path.replaceChildren(
    ...steps.map((each) => {
      const [fromX, fromY] = place(own);
      const [toX, toY] = place(each.node_id);
      const answered = each.answered_seconds !== null;
      const curve = `M${at([fromX, fromY])} Q0 0 ${at([toX, toY])}`;
      return draw("path", { class: answered ? "asked answered" : "asked", d: curve });
    }),
    draw("path", { class: "target", d: `M${at([x - 5, y])}h10M${at([x, y - 5])}v10` }),
  );
}

function buildBucket() {
  return make(
    "li",
    {},
    make(
      "details",
      {},
      make(
        "summary",
        {},
        make("code", { class: "prefix" }),
        make("span", { class: "cells", "aria-hidden": "true" }),
        make("span", { class: "says" }),
      ),
      make("ul", { class: "contacts" }),
    ),
  );
}

function updateBucket(row, bucket) {
  const [prefix, cells, says] = row.querySelector("summary").children;
  say(prefix, prefixText(bucket));
  keyed(
    cells,
    bucket.contacts,
    (each) => each.node_id,
    () => make("span"),
    (cell, each) => (cell.className = `dot ${each.state}`),
  );
  const spares = bucket.replacements ? `, ${several(bucket.replacements, "replacement")}` : "";
  say(says, `${several(bucket.contacts.length, "contact")}${spares}`);
  keyed(
    row.querySelector(".contacts"),
    bucket.contacts,
    (each) => each.node_id,
    () => make("li", {}, make("code"), make("span")),
    (line, each) => {
      say(line.firstElementChild, each.node_id);
      const failed = each.failures ? `, ${several(each.failures, "failure")}` : "";
      say(
        line.lastElementChild,
        ` ${printable(each.endpoint)}, ${each.state}, seen ${span(each.last_seen_seconds)} ago, ` +
          `${milliseconds(each.rtt_seconds)}${failed}`,
      );
    },
  );
}

// The leading bits that all IDs of a bucket have, as far as a reader follows them.
function prefixText(bucket) {
  const bits = [...bucket.prefix].map((each) => parseInt(each, 16).toString(2).padStart(4, "0"));
  const told = bits.join("").slice(0, bucket.length);
  const shown = told.length > 12 ? `${told.slice(0, 4)}…${told.slice(-7)}` : told;
  return `${bucket.family === "IPv6" ? "v6 " : ""}${shown}*`;
}
