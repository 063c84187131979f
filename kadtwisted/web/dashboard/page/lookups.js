// Lookups as they run, each with its path towards the key.

import { byId, draw, keyed, make, say } from "./dom.js";
import { brief, milliseconds, printable, several } from "./format.js";
import { drawPath } from "./routing.js";

const MOST_SHOWN = 6;
// Nodes that one lookup asks are fewer; a liar could name more.
const MOST_STEPS = 200;
const WIDTH = 320;
const HEIGHT = 64;

let shown = []; // the newest first
let passedOver = 0;

export function hearLookup(lookup) {
  const known = shown.findIndex((each) => each.number === lookup.number);
  if (known >= 0) shown[known] = lookup;
  else shown = [lookup, ...shown].slice(0, MOST_SHOWN);
  show();
  drawPath(shown[0]);
}

// Events may be missed: what runs no more has ended unseen.
export function hearRunning(told) {
  const running = new Set(told.lookups_running);
  passedOver += told.lookups_not_shown;
  const missed = shown.filter((each) => each.running && !running.has(each.number));
  for (const each of missed) each.running = false;
  if (missed.length || told.lookups_not_shown) show();
}

// The numbers of a node that has started again are others.
export function forgetLookups() {
  shown = [];
  passedOver = 0;
  show();
  drawPath(null);
}

function show() {
  const running = shown.filter((each) => each.running).length;
  const more = passedOver ? ` ${several(passedOver, "more lookup")} not shown.` : "";
  const none = shown.length ? `${several(shown.length, "lookup")} shown, ${running} running.` : "None yet.";
  say(byId("lookups-says"), none + more);
  keyed(byId("lookup-list"), shown, (each) => each.number, build, update);
}

function build() {
  return make(
    "li",
    {},
    make("p", { class: "lookup-head" }, make("span", { class: "badge" }), make("code"), make("span")),
    make("p", { class: "says" }),
    draw("svg", { class: "steps", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }),
  );
}

function update(item, lookup) {
  const [head, says, picture] = item.children;
  const steps = lookup.trace.steps.slice(0, MOST_STEPS);
  const answered = steps.filter((each) => each.answered_seconds !== null);
  const state = lookup.running ? "running" : lookup.completed === false ? "ended early" : "ended";
  const [badge, target, wanted] = head.children;
  badge.dataset.state = state;
  say(badge, state);
  say(target, brief(lookup.target));
  target.title = lookup.target;
  say(wanted, ` for ${printable(lookup.wanted)}, ${lookup.family}`);
  const close = Math.max(0, ...answered.map((each) => sharedBits(each.node_id, lookup.target)));
  say(
    says,
    `${several(steps.length, "node")} asked, ${answered.length} answered, ` +
      `${several(lookup.trace.hops, "hop")}, ${milliseconds(lookup.trace.duration_seconds)}; ` +
      `the closest shares ${several(close, "bit")} with the key.`,
  );
  drawSteps(picture, steps, lookup);
}

// To the right: time.  Upwards: bits shared with the key.  A line from when a node was asked to when
// it answered; a hollow dot is one that has not.
function drawSteps(picture, steps, lookup) {
  const bits = steps.map((each) => sharedBits(each.node_id, lookup.target));
  const most = Math.max(4, ...bits);
  const long = Math.max(0.001, lookup.trace.duration_seconds);
  const x = (seconds) => (6 + (Math.min(seconds, long) / long) * (WIDTH - 12)).toFixed(1);
  const y = (shared) => (HEIGHT - 8 - (shared / most) * (HEIGHT - 16)).toFixed(1);
  picture.replaceChildren(
    draw("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }),
    ...steps.flatMap((each, index) => {
      const at = y(bits[index]);
      const end = each.answered_seconds ?? long;
      const outcome = each.answered_seconds === null ? "silent" : "answered";
      return [
        draw("line", { class: `step ${outcome}`, x1: x(each.asked_seconds), x2: x(end), y1: at, y2: at }),
        draw("circle", { class: `step ${outcome}`, cx: x(end), cy: at, r: 3 }),
      ];
    }),
  );
}

export function sharedBits(one, other) {
  for (let index = 0; index < one.length; index += 1) {
    const differs = parseInt(one[index], 16) ^ parseInt(other[index], 16);
    if (differs) return index * 4 + Math.clz32(differs) - 28;
  }
  return one.length * 4;
}
