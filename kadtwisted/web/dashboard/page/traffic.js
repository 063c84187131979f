// Requests to others and from others: how many, and how long answers take.

import { byId, keyed, make, say } from "./dom.js";
import { milliseconds, printable, rate } from "./format.js";
import uPlot from "./uPlot.esm.js";

// Ten minutes at one point in two seconds; older points go.
const MOST_POINTS = 300;
// What the table adds up, in seconds.
const TABLE_SPAN = 60;
// There are fewer messages in the protocol.
const MOST_RPCS = 40;
const HEIGHT = 180;

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

// Columns of numbers; the oldest are forgotten.
class Series {
  constructor(columns) {
    this.data = Array.from({ length: columns + 1 }, () => []);
  }

  add(...row) {
    row.forEach((each, index) => this.data[index].push(each));
    if (this.data[0].length > MOST_POINTS) this.data.forEach((each) => each.shift());
  }
}

const rates = new Series(3);
const times = new Series(2);
const charts = new Map();
let beats = []; // of the last minute
let counters = null; // what others asked, when the status came before this one
let served = {};

export function hearStatus(status, now = performance.now()) {
  const asked = Object.entries(status.counters).filter(([name]) => name.startsWith("in."));
  const seconds = counters ? (now - counters.at) / 1000 : 0;
  const before = counters?.asked ?? new Map();
  served = {};
  for (const [name, number] of asked) {
    const more = number - (before.get(name) ?? 0);
    if (counters && more > 0 && seconds > 0) served[name.slice(3)] = more;
  }
  counters = { at: now, asked: new Map(asked) };
}

export function hearRequests(told, now = Date.now() / 1000) {
  const seconds = told.seconds || 1;
  const total = (record) => Object.values(record).reduce((sum, each) => sum + each, 0);
  const sent = told.rpcs.reduce((sum, each) => sum + total(each.results), 0);
  const failed = told.rpcs.reduce((sum, each) => sum + (each.results.timed_out ?? 0), 0);
  rates.add(now, sent / seconds, total(served) / seconds, failed / seconds);
  const inMs = (each) => (each === null ? null : each * 1000);
  times.add(now, inMs(told.median_seconds), inMs(told.p95_seconds));
  beats = [...beats, { at: now, seconds, rpcs: told.rpcs, served }].slice(-TABLE_SPAN / 2);
  beats = beats.filter((each) => Math.abs(now - each.at) < TABLE_SPAN); // before a break may be long ago
  showTable();
  showCharts();
}

// What was counted before a break would be counted into the first beat after it.
export function breakOff() {
  counters = null;
  served = {};
  const last = rates.data[0].at(-1);
  if (last === undefined || rates.data[1].at(-1) === null) return;
  rates.add(last + 0.001, null, null, null);
  times.add(last + 0.001, null, null);
}

function showTable() {
  const rows = new Map();
  const row = (rpc) => {
    if (!rows.has(rpc)) rows.set(rpc, { rpc, sent: 0, served: 0, failed: 0, times: [] });
    return rows.get(rpc);
  };
  let seconds = 0;
  for (const beat of beats) {
    seconds += beat.seconds;
    for (const [rpc, number] of Object.entries(beat.served)) row(rpc).served += number;
    for (const each of beat.rpcs) {
      const found = row(each.rpc);
      found.sent += Object.values(each.results).reduce((sum, number) => sum + number, 0);
      found.failed += each.results.timed_out ?? 0;
      if (each.median_seconds !== null) found.times.push(each);
    }
  }
  const shown = [...rows.values()].sort((a, b) => a.rpc.localeCompare(b.rpc)).slice(0, MOST_RPCS);
  keyed(
    byId("rpcs"),
    shown,
    (each) => each.rpc,
    () => make("tr", {}, make("th", { scope: "row" }), ...Array.from({ length: 5 }, () => make("td"))),
    (line, each) => {
      const middle = each.times.map((beat) => beat.median_seconds).sort((a, b) => a - b);
      const slow = each.times.map((beat) => beat.p95_seconds);
      const told = [
        printable(each.rpc, 40),
        rate(each.sent / seconds),
        rate(each.served / seconds),
        milliseconds(middle[Math.floor(middle.length / 2)]),
        milliseconds(slow.length ? Math.max(...slow) : null),
        `${each.failed}`,
      ];
      told.forEach((text, index) => say(line.children[index], text));
    },
  );
}

// --- The charts ----------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// As in the legend: who sees no colours tells the lines by their dashes.
const LINES = [
  ["--first", []],
  ["--second", [7, 3]],
  ["--third", [2, 3]],
];

function build(id, data, lines, dots) {
  const where = byId(id);
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const options = {
    width: Math.max(200, where.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, (high || 0) * 1.1)] } },
    axes: [
      { ...axis, space: 80, values: (_, at) => at.map((each) => CLOCK.format(new Date(each * 1000))) },
      { ...axis, size: 46 },
    ],
    series: [
      {},
      ...lines.map(([name, dash]) => ({ stroke: colour(name), dash, width: 1.75, points: { show: dots, size: 4 }, spanGaps: false })),
    ],
  };
  return new uPlot(options, data, where);
}

function showCharts() {
  if (charts.size === 0) {
    charts.set("rates", build("rates", rates.data, LINES, false));
    charts.set("times", build("times", times.data, LINES.slice(0, 2), true));
    return;
  }
  charts.get("rates").setData(rates.data);
  charts.get("times").setData(times.data);
}

// In the other colours, or at another width, they are made anew.
function rebuild() {
  if (charts.size === 0) return;
  for (const each of charts.values()) each.destroy();
  charts.clear();
  showCharts();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rebuild);
let width = innerWidth;
addEventListener("resize", () => {
  if (width === innerWidth) return;
  width = innerWidth;
  rebuild();
});

// How many points a chart holds.
export const points = () => rates.data[0].length;
