// Get, put, announce and watch.

import { byId, keyed, make, say } from "./dom.js";
import { milliseconds, printable, several, span } from "./format.js";
import { Problem, askJson, follow, waitAfter } from "./node.js";

// A browser opens six connections to one host, and each stream holds one.
const MOST_WATCHES = 2;
// Changes of one watch that stay on the page.
const MOST_CHANGES = 20;
// Milliseconds after which an answer is waited for no more; what the network is asked takes seconds.
const LONGEST_ASK = 120_000;

let role = "none";
const watches = new Map(); // at most MOST_WATCHES, by key

export function allow(newRole) {
  role = newRole;
  const may = role === "write" || role === "admin";
  for (const each of document.querySelectorAll("#box .writes")) {
    const control = each.matches("button") ? each : each.querySelector("input");
    control.disabled = !may;
  }
  const needs = "To put and to announce, this page needs a token of the role write: type it in above.";
  say(byId("box-role"), may ? "" : needs);
}

// What was read with a token that is no longer good, or was forgotten, goes.
export function forgetAnswers() {
  for (const each of watches.values()) letGo(each);
  watches.clear();
  showWatches();
  byId("result").replaceChildren();
}

function path(kind, key, query = "") {
  if (key === "." || key === "..") {
    throw new Problem(400, "this name cannot stand in an address: write hex: and the SHA-1 of the name");
  }
  return `/v1/${kind}/${encodeURIComponent(key)}${query}`;
}

const actions = {
  async get(key) {
    return shown(await askJson(path("values", key), LONGEST_ASK));
  },
  async put(key) {
    const keep = byId("keep").checked ? "?keep=true" : "";
    return stored(await sendValue(path("values", key, keep)), "Stored");
  },
  async announce(key) {
    const port = byId("port").value ? `?port=${Number(byId("port").value)}` : "";
    return stored(await sendValue(path("announcements", key, port)), "Announced");
  },
  async providers(key) {
    const found = await askJson(path("providers", key, "?limit=20"), LONGEST_ASK);
    const lines = found.providers.map((each) => {
      const attributes = each.attributes ? `: ${printable(each.attributes, 300)}` : "";
      return make("li", {}, make("code", {}, printable(each.endpoint)), attributes);
    });
    const more = found.complete ? "" : " There may be more.";
    return [make("p", {}, `${several(lines.length, "provider")}.${more}`), make("ul", {}, ...lines)];
  },
  watch,
};

function sendValue(where) {
  const body = new TextEncoder().encode(byId("value").value);
  const headers = { "Content-Type": "application/octet-stream" };
  return askJson(where, LONGEST_ASK, { method: "PUT", body, headers });
}

function shown(found) {
  const facts = [
    `held by ${several(found.holders, "node")}`,
    `for ${span(found.remaining_seconds)}`,
    `found in ${milliseconds(found.trace.duration_seconds)} over ${several(found.trace.hops, "hop")}`,
  ];
  const value = found.value ?? `base64 ${found.value_base64 ?? found.raw_base64}`;
  return [value === "" ? make("p", {}, "The value is empty.") : make("pre", {}, value), make("p", {}, `${facts.join(", ")}.`), reference(found)];
}

function stored(receipt, word) {
  const at = several(receipt.acknowledged.length, "node");
  const pending = receipt.pending.length ? `, ${receipt.pending.length} still asked` : "";
  const failed = Object.keys(receipt.failures).length;
  const refused = failed ? `, ${failed} failed` : "";
  return [make("p", {}, `${word} at ${at}${pending}${refused}.`), reference(receipt)];
}

function reference(found) {
  return found.reference ? make("p", {}, make("code", {}, found.reference)) : null;
}

// --- Watches -------------------------------------------------------------------------------------

async function watch(key) {
  if (watches.has(key)) return [make("p", {}, "This is watched already.")];
  if (watches.size >= MOST_WATCHES) {
    return [make("p", {}, `This page watches ${MOST_WATCHES} keys at most: stop one first.`)];
  }
  const watching = { key, changes: [], state: "", failures: 0, ending: null, timer: 0, number: 0 };
  watches.set(key, watching);
  hold(watching);
  return [make("p", {}, "Watching: changes come below.")];
}

// Holds the stream of one watch; after it has broken, it is opened again.
async function hold(watching) {
  const ending = (watching.ending = new AbortController());
  tell(watching, "watching");
  try {
    await follow(path("values", watching.key, "/events"), ending.signal, (_, change) => {
      watching.failures = 0;
      watching.number += 1;
      const heard = { number: watching.number, at: new Date(), change };
      watching.changes = [heard, ...watching.changes].slice(0, MOST_CHANGES);
      showWatches();
    });
    throw new Problem(0, "the node hung up");
  } catch (error) {
    if (watching.ending !== ending) return;
    tell(watching, error.message);
    if (error.status >= 400 && error.status < 500 && error.status !== 429) return;
    const seconds = waitAfter(watching.failures);
    watching.failures += 1;
    watching.timer = setTimeout(() => hold(watching), seconds * 1000);
  }
}

function letGo(watching) {
  clearTimeout(watching.timer);
  const { ending } = watching;
  watching.ending = null;
  ending?.abort();
}

function tell(watching, state) {
  watching.state = state;
  showWatches();
}

// While nobody looks nothing is watched; afterwards each watch says first what is there then.
document.addEventListener("visibilitychange", () => {
  for (const each of watches.values()) {
    letGo(each);
    if (!document.hidden) hold(each);
  }
});

function showWatches() {
  keyed(byId("watches"), [...watches.values()], (each) => each.key, buildWatch, updateWatch);
}

function buildWatch(watching) {
  const stop = make("button", { type: "button", class: "quiet" }, "Stop");
  stop.setAttribute("aria-label", `Stop watching ${printable(watching.key)}`);
  stop.addEventListener("click", () => {
    letGo(watching);
    watches.delete(watching.key);
    showWatches();
    byId("key").focus();
  });
  // A box that scrolls can be scrolled by keyboard.
  const log = make("ol", { "aria-live": "polite", tabindex: 0 });
  return make("li", {}, make("p", {}, make("code"), " ", make("span", { class: "says" }), " ", stop), log);
}

function updateWatch(item, watching) {
  const [key, says] = item.firstElementChild.children;
  say(key, printable(watching.key));
  say(says, watching.state);
  keyed(
    item.lastElementChild,
    watching.changes,
    (each) => each.number,
    (each) => {
      const { gone, value, value_base64: bytes } = each.change;
      const told = gone ? "nothing is there" : (value ?? `base64 ${bytes}`);
      return make("li", {}, make("time", {}, each.at.toLocaleTimeString()), " ", make("span", { class: gone && "gone" }, told));
    },
    () => {},
  );
}

// --- The form ------------------------------------------------------------------------------------

byId("box-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const action = event.submitter?.value ?? "get";
  const result = byId("result");
  const buttons = byId("box-form").querySelectorAll("button");
  for (const each of buttons) each.disabled = true;
  result.dataset.tone = "waiting";
  result.replaceChildren(make("p", {}, "Asking the network …"));
  try {
    const found = await actions[action](byId("key").value);
    result.dataset.tone = "good";
    result.replaceChildren(...found.filter((each) => each !== null));
  } catch (error) {
    result.dataset.tone = "bad";
    result.replaceChildren(make("p", {}, `${error.message}.`));
  } finally {
    for (const each of buttons) each.disabled = false;
    allow(role);
    // A button that was disabled has lost the focus; whoever is elsewhere by now stays there.
    if (document.activeElement === document.body || !document.activeElement) event.submitter?.focus();
  }
});
