"use strict";
// The page as a whole: which view is shown, and the one stream by which it hears what has changed. A tab that is not
// looked at lets go of its streams: a browser has few connections to one service, and they are for those that are.

const page = { now: null, problem: "", connected: false, stop: () => {}, live: false };
// The hash of a view is #/NAME: that is the id of no element, to which a browser would scroll.
const VIEWS = ["talk", "runs", "times", "failed", "tasks", "groups"];

function showConnection() {
  const text = page.connected ? page.problem || "Connected" : "Not connected; trying again…";
  if ($("connection").textContent !== text) $("connection").textContent = text;
  $("connection").className = page.connected && !page.problem ? "good" : "bad";
}

function showView() {
  const wanted = location.hash.slice(2);
  const view = VIEWS.includes(wanted) ? wanted : "talk";
  document.body.dataset.view = view;
  for (const name of VIEWS) if (name !== "runs") $(name).hidden = name !== view && !(view === "runs" && name === "talk");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say(null);
  if (loads[view] && page.live) loads[view]().catch(say);
  if (view === "times" || view === "talk") drawTimes();
}

function hear({ name, data }) {
  page.connected = true;
  if (name === "now") {
    page.now = data;
    showRuns(data);
    meetNow(data);
  } else if (name === "times") meetTimes(data);
  else if (name === "tasks" || name === "failed" || name === "groups") loads[name]().catch(say);
  showConnection();
  return false;
}

function begin() {
  if (page.live) return;
  page.live = true;
  page.stop = follow("/events", hear, { lost: () => {
    page.connected = false;
    showConnection();
  } });
  loadTimes().catch(say);
  loadTasks().catch(say);
  followNext();
}

function end() {
  page.live = false;
  page.stop();
  stopFollowing();
  clearInterval(ticking);
}

function otherTalk() {
  const session = $("session").value.trim() || "default";
  if (!$("session").checkValidity() || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(session)) {
    say(new Error("A session's name has letters, digits, - and _, at most 64."));
    return;
  }
  openTalk($("group").value, session).catch(say);
}

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  $("text").value = "";
  try {
    await send(text);
    say(null);
  } catch (error) {
    if (!$("text").value) $("text").value = text; // nothing that was written is lost
    say(error);
  }
});
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
$("group").addEventListener("change", otherTalk);
$("session").addEventListener("change", otherTalk);
$("span").addEventListener("change", drawTimes);
$("group-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("PUT", `/groups/${$("group-name").value}`, { network: $("group-network").value });
    $("group-form").reset();
    say(null);
  } catch (error) {
    say(error);
  }
});
addEventListener("hashchange", showView);
document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
addEventListener("pagehide", end);
addEventListener("pageshow", (event) => { if (event.persisted) begin(); });

showView();
if (document.body.dataset.view === "talk") $("text").focus();
openTalk("main", "default").catch(say);
if (!document.hidden) begin();
