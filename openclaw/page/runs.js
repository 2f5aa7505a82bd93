"use strict";
// What runs now: Main's container, the single-use ones, those that stand by, and each message on its way.

const STATES = {
  READY: "ready", STARTING: "starting", BACKOFF: "starts again after a crash", FALLBACK: "off after too many crashes",
  DISABLED: "off", STOPPED: "stopped", DRAINING: "stopping",
};
let ticking = 0;

function showRuns({ status, turns, more }) {
  const { main, dedicated } = status;
  const lines = [
    ["Main", [STATES[main.state] || main.state, main.container || (main.process ? `process ${main.process}` : ""), main.turns ? `${main.turns} at work` : "", main.waiting ? `${main.waiting} wait` : "", main.crashes ? `${main.crashes} crashes` : "", main.reason]],
    ["Single-use", [`${dedicated.running} at work`, dedicated.waiting ? `${dedicated.waiting} wait` : ""]],
    ["Subagents", [dedicated.subagents_waiting ? `${dedicated.subagents_waiting} wait` : "none waits", `${dedicated.standby} stand by`]],
    ["In flight", [String(status.in_flight)]],
    ["Runs on", [status.runtime, `engine ${status.engine}`, `version ${status.version}`]],
  ];
  keyed($("state"), lines, ([name]) => name,
    ([name]) => make("div", {}, make("dt", { textContent: name }), make("dd")),
    (element, [, words]) => { element.lastElementChild.textContent = words.filter(Boolean).join(", "); });
  showTurns(turns, more);
  $("runs-count").textContent = status.in_flight;
  $("runs-count").hidden = !status.in_flight;
  page.problem = status.problem || "";
  showConnection();
}

function showTurns(turns, more) {
  const heard = performance.now();
  const entries = turns.length ? turns : [{ id: "", text: "" }];
  if (more) entries.push({ id: "more", text: "" });
  keyed($("turns"), entries, ({ id }) => id, buildTurn, (element, entry) => {
    if (element.meta) element.meta(entry, heard - (entry.run_ms ?? entry.age_ms));
    else element.textContent = entry.id ? `and ${more} more` : "Nothing runs, nothing waits.";
  });
  clearInterval(ticking);
  if (turns.length && !document.hidden) ticking = setInterval(tick, 1000);
}

function buildTurn({ id, text, group, session, parent }) {
  const element = make("li", {});
  if (!text) return element;
  const head = make("b", {});
  const since = make("span", { className: "since" });
  const cancel = button("Cancel", `Cancel ${parent ? "subagent" : "message"} ${id}`, () => call("DELETE", `/messages/${id}`));
  element.append(
    make("div", { className: "row" }, head, since, cancel),
    make("p", { className: "text short", dir: "auto", textContent: text }),
    make("p", { className: "meta", textContent: `${id} · ${group}/${session}` }));
  element.className = parent ? "child" : "";
  element.meta = (entry, start) => {
    const route = parent ? "subagent" : entry.route || "";
    head.textContent = [entry.status, route, entry.attempt > 1 && "second attempt"].filter(Boolean).join(", ");
    element.dataset.status = entry.status;
    cancel.hidden = entry.status === "cancelling";
    element.start = start;
    since.textContent = duration(performance.now() - start);
  };
  return element;
}

/** The times that are shown go on; nobody is asked. */
function tick() {
  for (const element of $("turns").children) {
    if (element.start !== undefined) element.querySelector(".since").textContent = duration(performance.now() - element.start);
  }
}
