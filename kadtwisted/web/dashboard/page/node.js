// The node, as its gateway tells of it: requests with the token, and one stream of what it does.
//
// * The token is typed in.  It stays in this tab's sessionStorage, and goes into a header, never
//   into an address.
// * The stream is read by fetch, because EventSource sends no header.
// * While the tab is hidden nothing is asked.
// * When the node does not answer, it is asked again after 1, 2, 4 ... 30 seconds.

const TOKEN = "kadtwisted-token";
const LONGEST_WAIT = 30;
// The status comes every two seconds; a stream that has been silent for so long is dead.
const SILENCE = 20;
// A stream whose events are longer is no stream of ours.
const LONGEST_EVENT = 4_000_000;

// The seconds until something is tried again that has failed so often since it went well.
export const waitAfter = (failures) => Math.min(LONGEST_WAIT, 2 ** failures);

let typedIn = ""; // where a browser keeps nothing for pages

export const token = {
  get() {
    try {
      return sessionStorage.getItem(TOKEN) ?? "";
    } catch {
      return typedIn;
    }
  },
  set(text) {
    typedIn = text;
    try {
      if (text) sessionStorage.setItem(TOKEN, text);
      else sessionStorage.removeItem(TOKEN);
    } catch {
      // Then it is kept until the page is left.
    }
  },
};

// A browser's clock may be off; moments that the node tells are by the node's.
const CLOCKS_DIFFER = 5000;
let ahead = 0; // milliseconds by which the node's clock is ahead of ours

export const nodeNow = () => (Date.now() + ahead) / 1000;

function compareClocks(response) {
  const told = Date.parse(response.headers.get("Date") ?? "") - Date.now();
  if (!Number.isNaN(told)) ahead = Math.abs(told) > CLOCKS_DIFFER ? told : 0;
}

// What went wrong, in a sentence; `status` is 0 if the node did not answer at all.
export class Problem extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function problemOf(response) {
  let sentence = `${response.status} ${response.statusText}`;
  try {
    sentence = (await response.json()).detail ?? sentence;
  } catch {
    // It came from something between us and the node, and is no JSON.
  }
  return new Problem(response.status, sentence);
}

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the node does not answer");
  }
}

// Asks the gateway; the response, or a `Problem`.
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token.get()) {
    try {
      headers.set("Authorization", `Bearer ${token.get()}`);
    } catch {
      throw new Problem(401, "the token has characters that no token has"); // a header cannot hold them
    }
  }
  const response = await reach(path, { ...options, headers });
  compareClocks(response);
  if (!response.ok) throw await problemOf(response);
  return response;
}

// The answer as JSON; `most` milliseconds are waited for it.
export async function askJson(path, most, options = {}) {
  const response = await ask(path, { ...options, signal: AbortSignal.timeout(most) });
  try {
    return await response.json();
  } catch {
    throw new Problem(0, "the answer broke off");
  }
}

// The verdict needs no token.  A node that is not ready answers 503, and with its verdict.
export async function readVerdict(signal) {
  const response = await reach("/readyz", { signal });
  if (response.status !== 200 && response.status !== 503) throw await problemOf(response);
  return response.json();
}

// Reads a stream of server-sent events (WHATWG HTML, 9.2) until it ends or `signal` ends it.
export async function follow(path, signal, heard, alive = () => {}) {
  const response = await ask(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    let read;
    try {
      read = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "the node hung up");
    }
    if (read.done) return;
    alive();
    kept += read.value;
    const blocks = kept.split("\n\n");
    kept = blocks.pop();
    if (kept.length > LONGEST_EVENT) throw new Problem(0, "the stream makes no sense");
    for (const block of blocks) {
      const fields = new Map();
      for (const line of block.split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
      }
      if (fields.has("data")) heard(fields.get("event"), JSON.parse(fields.get("data")));
    }
  }
}

// Keeps the stream of what the node does open, for as long as somebody looks at the page.
//
// `told` has functions: `event(name, data)`; `verdict(verdict)` while only that may be known;
// `connected()`; `refused()` where a token is missing, or not known; `lost(problem, seconds)`, after which
// the node is asked again in so many seconds; and `paused()`.
export class Connection {
  #told;
  #ending = null;
  #timer = 0;
  #watchdog = 0;
  #failures = 0;

  constructor(told) {
    this.#told = told;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.#end();
        this.#told.paused();
      } else this.again();
    });
  }

  // Begins anew at once.
  again() {
    this.#failures = 0;
    this.#open();
  }

  #end() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#ending?.abort();
    this.#ending = null;
  }

  async #open() {
    this.#end();
    if (document.hidden) return;
    const ending = (this.#ending = new AbortController());
    const alive = () => {
      clearTimeout(this.#watchdog);
      this.#watchdog = setTimeout(() => {
        if (this.#ending === ending) this.#lose(new Problem(0, "the node has fallen silent"));
      }, SILENCE * 1000);
    };
    const heard = (name, data) => {
      if (this.#ending !== ending) return;
      if (name === "hello") {
        this.#failures = 0;
        this.#told.connected(data);
      } else this.#told.event(name, data);
    };
    try {
      alive();
      await follow("/v1/activity/events", ending.signal, heard, alive);
      throw new Problem(0, "the node hung up");
    } catch (error) {
      if (this.#ending !== ending) return;
      if (error.status === 401 || error.status === 403) await this.#lookFromOutside(ending);
      else this.#lose(error);
    }
  }

  // Without a token that may read: the verdict, and no more.
  async #lookFromOutside(ending) {
    clearTimeout(this.#watchdog);
    this.#told.refused();
    try {
      const verdict = await readVerdict(ending.signal);
      if (this.#ending !== ending) return;
      this.#failures = 0;
      this.#told.verdict(verdict);
      this.#timer = setTimeout(() => this.#lookFromOutside(ending), 5000);
    } catch (error) {
      if (this.#ending === ending) this.#lose(error);
    }
  }

  #lose(problem) {
    this.#end();
    const seconds = waitAfter(this.#failures);
    this.#failures += 1;
    this.#told.lost(problem, seconds);
    this.#timer = setTimeout(() => this.#open(), seconds * 1000);
  }
}
