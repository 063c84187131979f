// How the node is, at a glance: its verdict, what is behind that, who and where it is.

import { byId, keyed, make, say } from "./dom.js";
import { count, printable, several, size, span } from "./format.js";

// Verdicts by how they are shown; the words and sentences are the node's own.
const TONES = {
  serving: "good",
  starting: "waiting",
  joining: "waiting",
  stopping: "waiting",
  stopped: "bad",
  isolated: "bad",
  offline: "bad",
  blocked: "bad",
  doubled: "bad",
  degraded: "bad",
};
const REACHED = {
  reachable: "others can reach this node",
  unreachable: "others cannot reach this node",
  unknown: "not known yet whether others can reach this node",
  assumed: "not measured here",
};
const NATS = {
  none: "no NAT",
  independent: "behind a NAT that keeps its port",
  dependent: "behind a NAT that changes its port",
};
// Seconds that a clock may be off: half of what others forgive.
const CLOCK_TOLERANCE = 150;

export function showVerdict(word, sentence) {
  const tone = TONES[word] ?? "waiting";
  byId("health").dataset.tone = tone;
  say(byId("verdict"), printable(word));
  say(byId("sentence"), printable(sentence, 500));
  document.title = `${word} – kadtwisted`;
}

export function showStatus(status) {
  showVerdict(status.health, status.health_sentence);
  keyed(
    byId("notes"),
    notes(status),
    (note) => note,
    (note) => make("li", {}, note),
    () => {},
  );
  keyed(
    byId("facts"),
    facts(status),
    ([name]) => name,
    ([name, , is_code]) =>
      make("div", {}, make("dt", {}, name), make("dd", { class: is_code && "code" })),
    (row, [, fact]) => say(row.lastElementChild, fact),
  );
}

// Who may no longer know them sees no old ones.
export function forgetStatus() {
  byId("notes").replaceChildren();
  byId("facts").replaceChildren();
}

// What somebody may want to do something about, beside the verdict itself.
function notes(status) {
  const found = [];
  const ahead = status.clock_ahead_seconds;
  if (ahead !== null && Math.abs(ahead) > CLOCK_TOLERANCE) {
    const side = ahead > 0 ? "ahead of" : "behind";
    found.push(`The clock is ${span(Math.abs(ahead))} ${side} the network's: set it.`);
  }
  if (status.storage_full) found.push("The storage is full.");
  if (!status.replication_kept) {
    found.push("There are too many records to replicate all of them in time.");
  }
  if (!status.own_records_kept) {
    found.push("There are too many own records to keep all of them published: some expire.");
  }
  if (status.lost_records) {
    const lost = several(status.lost_records, "own record");
    found.push(`${lost} replaced or deleted by others.`);
  }
  if (status.records_below_pin) {
    found.push(`${several(status.records_below_pin, "pinned record")} with too few holders.`);
  }
  for (const link of status.links) {
    const reach = link.reachability;
    if (link.twin) found.push(`Another node answers under the same key at ${printable(link.twin)}.`);
    if (reach?.verdict === "unreachable") found.push(`${link.family}: ${REACHED.unreachable}.`);
    if (reach?.read_only_because) {
      found.push(`${link.family}: read-only to others, ${printable(reach.read_only_because)}.`);
    }
    if (link.mapping?.problem) {
      found.push(`${link.family}: the gateway's port: ${printable(link.mapping.problem)}.`);
    }
  }
  return found;
}

function facts(status) {
  const access = status.private ? "private" : "open";
  const kind = status.read_only ? "read-only" : "full node";
  return [
    ["Node ID", status.node_id, true],
    ...status.addresses.map((each, index) => [
      index ? `Address ${index + 1}` : "Address to share",
      printable(each),
      true,
    ]),
    ["Network", `${printable(status.network)} (${access}), ${kind}`],
    ["Up for", span(status.uptime_seconds)],
    ...status.links.map((link) => [link.family, linkText(link)]),
    ["Stored", `${several(status.stored_records, "record")}, ${size(status.stored_bytes)}`],
  ];
}

function linkText(link) {
  const parts = [link.listening ? `listens at ${link.listening}` : "listens nowhere"];
  if (link.observed) {
    const seen = link.observed.endsWith(":0") ? `${link.observed.slice(0, -2)} on changing ports` : link.observed;
    parts.push(`seen by others at ${printable(seen)}`);
  }
  const reach = link.reachability;
  if (reach) {
    parts.push(REACHED[reach.verdict] ?? printable(reach.verdict));
    if (NATS[reach.nat]) parts.push(NATS[reach.nat]);
  }
  if (link.mapping?.outer) parts.push(`mapped to ${printable(link.mapping.outer)}`);
  parts.push(several(link.contacts, "verified contact"));
  if (link.tentative) parts.push(`${count(link.tentative)} to be verified`);
  if (link.network_size) parts.push(`a network of about ${several(link.network_size, "node")}`);
  return parts.join("; ");
}
