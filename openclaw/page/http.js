"use strict";
// Calls and event streams. A token is kept in this tab's session storage, and goes nowhere but into the header field.

const TOKEN = "openclaw-token";
const SILENCE = 45000; // ms; the service sends a comment after 15 s of silence
let asking = null; // while the token is asked for: all who need it wait for the same answer

class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function askToken() {
  asking ??= new Promise((resolve) => {
    const dialog = $("token-dialog");
    dialog.addEventListener("close", () => {
      asking = null;
      if ($("token").value) sessionStorage.setItem(TOKEN, $("token").value.trim());
      $("token").value = "";
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/** A response, whatever its status but 401: then the token is asked for. */
async function ask(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...options.headers };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { ...options, headers, cache: "no-store" });
    if (response.status !== 401) return response;
    const now = sessionStorage.getItem(TOKEN);
    if (now && now !== token) continue; // another one was given meanwhile
    sessionStorage.removeItem(TOKEN);
    await askToken();
  }
}

/** The JSON of an answer. Throws the Problem that it is. */
async function call(method, path, body) {
  let response;
  try {
    response = await ask(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, "The service cannot be reached; is it running?");
  }
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, value.detail || `The service answered ${response.status}.`);
  return value;
}

/** One connection's events, as {id, name, data}. */
async function* connection(path, last, signal, silent) {
  const response = await ask(path, { headers: last ? { "Last-Event-ID": last } : {}, signal });
  if (response.status === 204) return;
  if (!response.ok) throw new Problem(response.status, (await response.json().catch(() => ({}))).detail || "");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let watch = 0;
  try {
    for (;;) {
      clearTimeout(watch);
      watch = setTimeout(silent, SILENCE);
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      yield { beat: true };
      for (const block of blocks) {
        if (block.startsWith(":")) continue;
        const field = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
        yield { id: field.id, name: field.event, data: JSON.parse(field.data) };
      }
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Follow a stream until `hear` returns true, the service says that there is no more, or the returned function is
 * called. A connection that breaks is made again, from the event that was heard last. */
function follow(path, hear, { lost = () => {}, over = () => {} } = {}) {
  let stopped = false;
  let current = new AbortController();
  let wake = () => {};
  let last = "";
  (async () => {
    for (let tries = 0; !stopped; tries++) {
      current = new AbortController();
      try {
        for await (const event of connection(path, last, current.signal, () => current.abort())) {
          tries = 0;
          if (stopped) return;
          if (event.beat) continue;
          last = event.id;
          if (hear(event)) {
            stopped = true;
            current.abort();
            return;
          }
        }
        if (path !== "/events") {
          over();
          return;
        }
      } catch (error) {
        if (error instanceof Problem && error.status === 404) {
          over(error);
          return;
        }
      }
      if (stopped) return;
      lost();
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, Math.min(5000, 250 * 2 ** tries));
      });
    }
  })();
  return () => {
    stopped = true;
    current.abort();
    wake();
  };
}
