"use strict";
// The conversation: one group's session at a time. What was asked from this tab is remembered by id; the service has the
// replies. Turns of a session run in order, so one stream is open at a time: that of the first unanswered message.

const REMEMBERED = 50; // messages of a session that this tab keeps in mind
const RANK = { "": 0, queued: 1, running: 2, cancelling: 3, done: 4, failed: 4, cancelled: 4 };
const ENDS = { done: "", failed: "Failed", cancelled: "Cancelled" };

const talk = {
  group: "main",
  session: "default",
  items: new Map(), // by id
  stop: () => {}, // ends the stream
  followed: null,
  opened: 0,
};

const memory = {
  key: () => `said:${talk.group}/${talk.session}`,
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key()) || "[]");
    } catch {
      return [];
    }
  },
  add(id, asked) {
    const said = [...this.read().filter(([known]) => known !== id), [id, asked.slice(0, 4000)]].slice(-REMEMBERED);
    try {
      sessionStorage.setItem(this.key(), JSON.stringify(said));
    } catch {
      sessionStorage.removeItem(this.key()); // no room: the conversation goes on without
    }
  },
};

class Item {
  constructor(id, asked) {
    this.id = id;
    this.status = "queued";
    this.text = "";
    this.subagents = new Map();
    this.place = make("p", { className: "place" });
    this.answer = make("div", { className: "text" });
    this.tools = make("ul", { className: "tools", aria: { label: "Tools that were used" } });
    this.children = make("ul", { className: "subagents", aria: { label: "Subagents" } });
    this.footer = make("p", { className: "meta" });
    this.cancel = button("Cancel", `Cancel: ${asked.slice(0, 60)}`, () => call("DELETE", `/messages/${id}`));
    this.asked = make("div", { className: "text", dir: "auto", textContent: asked || "(asked elsewhere)" });
    this.reply = make("div", { className: "answer" },
      make("h3", { className: "unseen", textContent: "Answer" }), this.tools, this.answer, this.children,
      make("div", { className: "state" }, this.place, this.cancel, this.footer));
    this.answer.dir = "auto";
    this.element = make("article", { className: "turn", data: { id } },
      make("div", { className: "asked" }, make("h3", { className: "unseen", textContent: "You" }), this.asked), this.reply);
    this.show();
  }

  get open() {
    return !(this.status in ENDS);
  }

  show() {
    this.reply.setAttribute("aria-busy", String(this.open));
    this.element.dataset.status = this.status;
    this.cancel.hidden = !this.open;
    this.place.textContent = this.open ? { queued: "Waiting…", running: "Working…", cancelling: "Cancelling…" }[this.status] || "" : ENDS[this.status];
    this.tools.hidden = !this.tools.childElementCount;
    this.children.hidden = !this.children.childElementCount;
  }

  /** Text comes in many small pieces: the document is touched once a frame. */
  write(text) {
    this.text = text;
    this.due ??= requestAnimationFrame(() => this.render());
  }

  render() {
    cancelAnimationFrame(this.due);
    this.due = undefined;
    const low = atEnd();
    this.answer.replaceChildren(...fenced(this.text));
    if (low) scrollDown();
  }

  tool({ name, detail }) {
    this.tools.append(make("li", {}, make("b", { textContent: name }), detail ? ` ${detail}` : ""));
    while (this.tools.childElementCount > 30) this.tools.firstElementChild.remove();
    this.show();
  }

  note({ text }) {
    this.answer.before(make("div", { className: "note text", dir: "auto", textContent: text }));
  }

  subagent(id, status) {
    let child = this.subagents.get(id);
    if (!child) {
      child = { status: "", line: make("summary"), text: make("div", { className: "text", dir: "auto" }) };
      this.subagents.set(id, child);
      this.children.append(make("li", {}, make("details", {}, child.line, child.text)));
    }
    if (RANK[status] <= RANK[child.status]) return; // what is told again, or late, takes nothing back
    const low = atEnd();
    child.status = status;
    child.line.textContent = `Subagent ${id.slice(this.id.length + 1)}: ${status}`;
    this.show();
    if (low) scrollDown();
    if (status in ENDS) this.fetchChild(id, child).catch(say);
  }

  async fetchChild(id, child) {
    const reply = await call("GET", `/messages/${id}`).catch((error) => ({ text: error.message }));
    if (!(reply.status in ENDS)) return;
    child.status = reply.status;
    child.line.textContent = `Subagent ${id.slice(this.id.length + 1)}: ${reply.status} after ${duration(reply.timing.totalTime)}`;
    child.text.replaceChildren(...fenced(reply.text || reply.error || ""));
  }

  finish(reply) {
    this.status = reply.status;
    this.text = reply.text + (reply.error ? `${reply.text ? "\n\n" : ""}${reply.error}` : "");
    this.render(); // before it is no longer busy: then it is read out
    const { timing, usage = {}, route, attempt } = reply;
    const tokens = (usage.input_tokens || 0) + (usage.output_tokens || 0);
    this.footer.textContent = [
      timing && duration(timing.totalTime), route, attempt > 1 && "second attempt", tokens > 0 && `${tokens} tokens`,
    ].filter(Boolean).join(" · ");
    for (const id of reply.subagents || []) if (!this.subagents.has(id)) this.subagent(id, "running");
    this.show();
  }

  hear({ name, data }) {
    if (name === "started") {
      this.status = "running";
      this.tools.replaceChildren();
      this.write("");
      this.footer.textContent = data.attempt > 1 ? "second attempt" : "";
    } else if (name === "delta") this.write((data.cut ? "[…] " : "") + this.text + data.text);
    else if (name === "tool") this.tool(data);
    else if (name === "subagent") this.subagent(data.id, data.status);
    else if (name === "message") this.note(data);
    else if (name === "done") {
      if (data.status) this.finish(data);
      else this.finish({ status: "failed", text: "", error: "The reply cannot be read." });
      return true;
    }
    this.show();
    return false;
  }

  /** Ask what has become of it. */
  async refresh() {
    try {
      const reply = await call("GET", `/messages/${this.id}`);
      if (reply.status in ENDS) this.finish(reply);
      else if (this.status !== "cancelling") this.status = reply.status;
    } catch (error) {
      if (error.status !== 404) throw error;
      this.finish({ status: "failed", text: "", error: error.message });
    }
    this.show();
  }
}

/** Text, with what stands between lines of ``` as code. Nothing else is made of it. */
function fenced(text) {
  return text.split(/^```[^\n]*$\n?/m).map((part, number) =>
    number % 2 ? make("pre", { tabIndex: 0 }, make("code", { textContent: part })) : make("span", { textContent: part }));
}

const atEnd = () => $("log").scrollHeight - $("log").scrollTop - $("log").clientHeight < 80;
const scrollDown = () => { $("log").scrollTop = $("log").scrollHeight; };

function addItem(id, asked) {
  const known = talk.items.get(id);
  if (known) return known;
  const low = atEnd();
  const item = new Item(id, asked);
  talk.items.set(id, item);
  $("log").append(item.element);
  if (low) scrollDown();
  return item;
}

/** Follow the first message that has no reply yet, if it is not followed already. */
function followNext() {
  const next = [...talk.items.values()].find((item) => item.open);
  if (talk.followed === next) return;
  talk.stop();
  talk.stop = () => {};
  talk.followed = next;
  if (!next || document.hidden) {
    talk.followed = null;
    return;
  }
  const settle = () => next.refresh().catch(say).finally(() => {
    talk.followed = null;
    followNext();
  });
  talk.stop = follow(`/messages/${next.id}/events`, (event) => {
    const over = next.hear(event);
    if (over) {
      talk.followed = null;
      queueMicrotask(followNext);
    }
    return over;
  }, { over: settle });
}

function stopFollowing() {
  talk.stop();
  talk.stop = () => {};
  talk.followed = null;
}

/** Show another conversation. */
async function openTalk(group, session) {
  const turn = ++talk.opened;
  stopFollowing();
  Object.assign(talk, { group, session });
  talk.items.clear();
  $("log").replaceChildren();
  $("sessions").replaceChildren();
  const said = new Map(memory.read());
  let past = { turns: [], whole: true };
  try {
    const [kept, { sessions }] = await Promise.all([
      call("GET", `/groups/${group}/sessions/${session}`), call("GET", `/groups/${group}/sessions`),
    ]);
    past = kept;
    if (turn === talk.opened) sessions.map(({ session: name }) => name).forEach(offer);
    say(null);
  } catch (error) {
    say(error);
  }
  if (turn !== talk.opened) return;
  if (!past.whole) $("log").append(make("p", { className: "hint", textContent: `Older turns are in groups/${group}/conversations.` }));
  for (const { id, asked, text } of past.turns) {
    addItem(id, said.get(id) || asked).finish({ status: "done", text });
    said.delete(id);
  }
  const items = [...said].map(([id, asked]) => addItem(id, asked));
  await Promise.all(items.map((item) => item.refresh().catch(say)));
  if (turn !== talk.opened) return;
  scrollDown();
  if (page.now) meetNow(page.now);
  followNext();
}

/** Offer a session of this group where its name is written. */
function offer(session) {
  const known = [...$("sessions").children];
  if (known.length < 100 && !known.some(({ value }) => value === session)) $("sessions").append(make("option", { value: session }));
}

/** What runs now, and what was answered last: what concerns this conversation is taken in. */
function meetNow({ turns, more, recent }) {
  const mine = (entry) => entry.group === talk.group && entry.session === talk.session;
  for (const entry of [...turns, ...recent]) if (entry.group === talk.group) offer(entry.session);
  const flying = new Map(turns.map((entry) => [entry.id, entry]));
  for (const entry of recent) {
    if (mine(entry) && !talk.items.has(entry.id)) addItem(entry.id, entry.text).refresh().catch(say);
  }
  for (const entry of turns) {
    if (mine(entry) && !entry.parent) {
      const item = addItem(entry.id, entry.text);
      if (item.open && item.status !== entry.status) {
        item.status = entry.status;
        item.show();
      }
    } else if (entry.parent) talk.items.get(entry.parent)?.subagent(entry.id, entry.status);
  }
  if (more) return followNext(); // the picture is not whole: who is not in it may be there
  for (const item of talk.items.values()) {
    if (item.open && item !== talk.followed && !flying.has(item.id)) item.refresh().catch(say);
    for (const [id, child] of item.subagents) {
      if (!(child.status in ENDS) && !flying.has(id)) item.fetchChild(id, child).catch(say);
    }
  }
  followNext();
}

async function send(text) {
  const { group, session } = talk;
  const { id } = await call("POST", "/messages", { text, group, session });
  if (group !== talk.group || session !== talk.session) return;
  memory.add(id, text);
  const item = addItem(id, text);
  item.asked.textContent = text; // the picture of what runs may have come first, with its beginning only
  scrollDown();
  followNext();
}
