// The page as a whole: what the node tells goes to the parts that show it.

import { byId, say } from "./dom.js";
import { Connection, token } from "./node.js";
import { showStatus, showVerdict } from "./overview.js";

let lostAt = 0;
let nextTry = 0;
let counting = 0;

const connection = new Connection({
  connected(hello) {
    found();
    document.body.dataset.role = hello.role;
    say(byId("role"), `This page may ${hello.role}.`);
    say(byId("version"), hello.version);
  },
  event(name, data) {
    if (name === "status") showStatus(data);
  },
  verdict(verdict) {
    found();
    showVerdict(verdict.health, verdict.sentence);
  },
  refused(problem) {
    found();
    document.body.dataset.role = "none";
    say(
      byId("role"),
      token.get() ? `The token is of no use: ${problem.message}.` : "Only the verdict is shown.",
    );
  },
  lost(problem, seconds) {
    lostAt ||= Date.now();
    nextTry = Date.now() + seconds * 1000;
    document.body.dataset.lost = "true";
    say(byId("lost-why"), problem.message);
    byId("lost").hidden = false;
    document.title = "lost – kadtwisted";
    clearInterval(counting);
    counting = setInterval(count, 1000);
    count();
  },
  paused() {
    clearInterval(counting);
  },
});

function found() {
  lostAt = 0;
  clearInterval(counting);
  delete document.body.dataset.lost;
  byId("lost").hidden = true;
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
  connection.again();
});
byId("forget").addEventListener("click", () => {
  token.set("");
  connection.again();
});

connection.again();
