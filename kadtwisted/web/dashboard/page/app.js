// The page as a whole: what the node tells goes to the parts that show it.

import { allow, forgetAnswers } from "./box.js";
import { byId, say } from "./dom.js";
import { forgetLookups, hearLookup, hearRunning } from "./lookups.js";
import { Connection, Problem, askJson, token } from "./node.js";
import { forgetStatus, showStatus, showVerdict } from "./overview.js";
import { MOST_SHOWN, showOwn, showStored, showUsage } from "./records.js";
import { showRouting } from "./routing.js";
import { breakOff, hearRequests, hearStatus } from "./traffic.js";

// The status comes by itself; the rest is asked for in turn, one request in two seconds.
const POLL = 2000;
const LONGEST_POLL = 20_000;
const TURNS = [
  ["/v1/routing", showRouting, "routing-says"],
  [`/v1/own?limit=${MOST_SHOWN}`, showOwn, "own-says"],
  ["/v1/routing", showRouting, "routing-says"],
  [`/v1/records?limit=${MOST_SHOWN}`, showStored, "stored-says"],
];
const MAY = {
  read: "This page may read",
  write: "This page may read and write",
  admin: "This page may do everything",
};

const CLOSED = byId("closed").textContent;
const USELESS = "The node does not know the token that was typed in. Forget it, or type in another one.";

let lostAt = 0;
let nextTry = 0;
let counting = 0;
let polling = 0;
let polls = 0; // the number of the present row of polls: what is left of an earlier one ends
let polledAt = -POLL;
let turn = 0;
let version = "";
let run = "";

const events = {
  status(status) {
    showStatus(status);
    showUsage(status);
    hearStatus(status);
  },
  requests(told) {
    hearRequests(told);
    hearRunning(told);
  },
  lookup: hearLookup,
};

const connection = new Connection({
  connected(hello) {
    found();
    open(hello.role, MAY[hello.role] ?? hello.role);
    // Another version of the program has another page.
    if (version && version !== hello.version) location.reload();
    version = hello.version;
    if (run !== hello.run) forgetLookups(); // it has started again, or is another node
    run = hello.run;
    say(byId("version"), version);
    beginPolls();
  },
  event(name, data) {
    events[name]?.(data);
  },
  verdict(verdict) {
    found();
    showVerdict(verdict.health, verdict.sentence);
  },
  refused() {
    found();
    stop();
    forgetStatus();
    forgetAnswers();
    open("none", token.get() ? "The token is of no use" : "This page may tell the verdict alone");
    say(byId("closed"), token.get() ? USELESS : CLOSED);
  },
  lost(problem, seconds) {
    stop();
    lostAt ||= Date.now();
    nextTry = Date.now() + seconds * 1000;
    document.body.dataset.lost = "true";
    const what = problem.status ? "The node does not let us look" : "The node is lost";
    say(byId("lost-why"), `${what}: ${problem.message}.`);
    byId("lost").hidden = false;
    document.title = "lost – kadtwisted";
    clearInterval(counting);
    counting = setInterval(count, 1000);
    count();
  },
  paused() {
    stop();
    clearInterval(counting);
  },
});

function open(role, says) {
  document.body.dataset.role = role;
  say(byId("role"), says);
  byId("inside").hidden = role === "none";
  byId("closed").hidden = role !== "none";
  allow(role);
}

function found() {
  lostAt = 0;
  clearInterval(counting);
  delete document.body.dataset.lost;
  byId("lost").hidden = true;
}

function stop() {
  clearTimeout(polling);
  polls += 1;
  breakOff();
}

function beginPolls() {
  clearTimeout(polling);
  polls += 1;
  polling = setTimeout(poll, Math.max(0, polledAt + POLL - performance.now()), polls);
}

async function poll(row) {
  const [path, show, says] = TURNS[turn % TURNS.length];
  turn += 1;
  polledAt = performance.now();
  try {
    show(await askJson(path, LONGEST_POLL));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (row !== polls) return; // the stream has told that the node is lost
    if (error.status === 401 || error.status === 403) connection.again(); // the token is good no more
    else say(byId(says), `From before: ${error.message}.`);
  } finally {
    if (row === polls) polling = setTimeout(poll, POLL, row);
  }
}

function count() {
  const left = Math.max(0, Math.ceil((nextTry - Date.now()) / 1000));
  const since = Math.round((Date.now() - lostAt) / 1000);
  say(byId("lost-when"), `Lost for ${since} s; asked again ${left ? `in ${left} s` : "now"}.`);
}

byId("again").addEventListener("click", () => connection.again());
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(byId("token").value.trim());
  byId("token").value = "";
  byId("token-box").open = false;
  connection.again();
});
byId("forget").addEventListener("click", () => {
  token.set("");
  connection.again();
});

allow("none");
connection.again();
