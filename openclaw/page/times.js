"use strict";
// How long replies took, as pictures: by route, the median and the 95th percentile of each period; and the tokens. The
// same figures stand in a table below, for whoever does not see pictures.

const ROUTES = ["persistent", "dedicated", "subagent"];
const KINDS = { totalTime: "Total: from the question to the reply", prepTime: "Preparation: until the agent begins", agentTime: "Agent: its own time" };
let WIDE = 640; // as many units as the picture has pixels, so that its text is as large as any other
const HIGH = 200, LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 24;
const times = { rows: new Map(), period: 300, now: 0 };

async function loadTimes() {
  times.rows.clear();
  meetTimes(await call("GET", "/times"));
}

function meetTimes({ rows, period_s: period, now }) {
  times.period = period;
  times.now = now;
  for (const row of rows) times.rows.set(`${row.at} ${row.route}`, row);
  for (const [key, row] of times.rows) if (row.at < now - 13 * 3600) times.rows.delete(key);
  drawTimes();
}

function drawTimes() {
  if (document.body.dataset.view !== "times") return;
  const hours = Number($("span").value);
  const from = Math.floor((times.now - hours * 3600) / times.period) * times.period;
  const rows = [...times.rows.values()].filter((row) => row.at >= from).sort((a, b) => a.at - b.at);
  const open = $("pictures").querySelector("details")?.open;
  const width = drawnFor = $("pictures").clientWidth;
  WIDE = Math.max(260, width / Math.max(1, Math.floor((width + 16) / 432)) - 42);
  if (!rows.length) {
    $("pictures").replaceChildren(make("p", { className: "hint", textContent: "No reply in this time." }));
    return;
  }
  const span = { from, to: Math.max(times.now, from + times.period) };
  const table = tableOf(rows);
  table.open = Boolean(open);
  $("pictures").replaceChildren(legend(), besides(rows),
    ...Object.entries(KINDS).map(([kind, title]) => lines(rows, kind, title, span)), tokens(rows, span), table);
}

let drawnFor = 0; // the width for which they were drawn last
new ResizeObserver(() => { if ($("pictures").clientWidth !== drawnFor) drawTimes(); }).observe($("pictures"));

function legend() {
  return make("p", { className: "legend" }, ...ROUTES.map((route) => make("span", { data: { route }, textContent: route })),
    make("span", { className: "solid", textContent: "median" }), make("span", { className: "dashed", textContent: "95 % are faster" }));
}

function figure(title, words, drawn, high = HIGH) {
  const picture = draw("svg", { viewBox: `0 0 ${WIDE} ${high}`, role: "img", "aria-label": `${title}. ${words}` }, ...drawn);
  return make("figure", {}, make("figcaption", { textContent: title }), picture);
}

const across = (at, { from, to }) => LEFT + (WIDE - LEFT - RIGHT) * Math.min(1, Math.max(0, (at - from) / (to - from)));
const label = (x, y, text, anchor = "middle") => {
  const element = draw("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
};

function hoursBelow(span) {
  const step = [600, 1800, 3600, 7200].find((seconds) => (span.to - span.from) / seconds <= WIDE / 85) || 10800;
  const found = [];
  for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) {
    const date = new Date(at * 1000);
    const text = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    found.push(label(Math.min(WIDE - 20, across(at, span)), HIGH - 6, text));
  }
  return found;
}

/** A scale of powers of ten, since a warm reply takes milliseconds and a model's takes minutes. */
function scale(values) {
  const low = Math.floor(Math.log10(Math.max(1, Math.min(...values))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1, ...values))));
  const y = (value) => HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * (Math.log10(Math.max(10 ** low, value)) - low) / (high - low);
  const grid = [];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power);
    grid.push(draw("line", { x1: LEFT, x2: WIDE - RIGHT, y1: at, y2: at, class: "grid" }), label(LEFT - 6, at + 4, power < 3 ? `${10 ** power} ms` : `${10 ** (power - 3)} s`, "end"));
  }
  return { y, grid };
}

function lines(rows, kind, title, span) {
  const { y, grid } = scale(rows.flatMap((row) => [row[kind].p50, row[kind].p95]));
  const drawn = [];
  const words = [];
  for (const route of ROUTES) {
    const mine = rows.filter((row) => row.route === route);
    if (!mine.length) continue;
    const last = mine.at(-1)[kind];
    words.push(`${route}: lately ${duration(last.p50)}, 95 % within ${duration(last.p95)}`);
    for (const share of ["p95", "p50"]) {
      const points = mine.map((row) => [across(row.at + times.period / 2, span), y(row[kind][share])]);
      drawn.push(draw("polyline", { points: points.map((point) => point.join(",")).join(" "), class: `${share} ${route}` }));
      const dots = points.length > 12 ? points.slice(-1) : points; // a line of many is seen without them
      for (const [cx, cy] of dots) drawn.push(draw("circle", { cx, cy, r: share === "p50" ? 3 : 2, class: `${share} ${route}` }));
    }
  }
  return figure(title, words.join("; "), [...grid, ...hoursBelow(span), ...drawn]);
}

/** The routes beside each other: preparation and the agent's time, each the mean of the periods' medians. */
function besides(rows) {
  const found = ROUTES.map((route) => {
    const mine = rows.filter((row) => row.route === route);
    const count = mine.reduce((sum, row) => sum + row.count, 0);
    const mean = (kind) => mine.reduce((sum, row) => sum + row.count * row[kind].p50, 0) / count;
    return { route, count, prep: mean("prepTime"), agent: mean("agentTime") };
  }).filter(({ count }) => count);
  const most = Math.max(1, ...found.map(({ prep, agent }) => prep + agent));
  const bars = found.flatMap(({ route, count, prep, agent }, number) => {
    const y = TOP + number * 56;
    const width = (value) => (WIDE - 150 - RIGHT) * value / most;
    return [
      label(0, y + 14, route, "start"), label(0, y + 30, `${count} ${count === 1 ? "reply" : "replies"}`, "start"),
      draw("rect", { x: 110, y, width: width(prep), height: 20, class: `bar prep ${route}` }),
      draw("rect", { x: 110 + width(prep), y, width: width(agent), height: 20, class: `bar ${route}` }),
      label(110, y + 36, `${duration(prep)} + ${duration(agent)}`, "start"),
    ];
  });
  const words = found.map(({ route, prep, agent }) => `${route}: ${duration(prep)} to prepare, ${duration(agent)} of the agent`).join("; ");
  return figure("Side by side: preparation (pale) + agent, means of the periods' medians", words, bars, TOP + found.length * 56);
}

function tokens(rows, span) {
  const sums = new Map();
  for (const { at, tokens: used } of rows) {
    const sum = sums.get(at) || { into: 0, out: 0 };
    sum.into += used.input_tokens + used.cache_read_input_tokens + used.cache_creation_input_tokens;
    sum.out += used.output_tokens;
    sums.set(at, sum);
  }
  const most = Math.max(0, ...[...sums.values()].map(({ into, out }) => into + out));
  if (!most) return make("p", { className: "hint", textContent: "No tokens were used in this time." });
  const high = (value) => (HIGH - TOP - BOTTOM) * value / most;
  const width = Math.max(2, (WIDE - LEFT - RIGHT) * times.period / (span.to - span.from) - 1);
  const bars = [...sums].flatMap(([at, { into, out }]) => [
    draw("rect", { x: across(at, span), y: HIGH - BOTTOM - high(into), width, height: high(into), class: "bar in" }),
    draw("rect", { x: across(at, span), y: HIGH - BOTTOM - high(into + out), width, height: high(out), class: "bar out" }),
  ]);
  const total = [...sums.values()].reduce((sum, { into, out }) => [sum[0] + into, sum[1] + out], [0, 0]);
  const words = `${total[0].toLocaleString()} in, ${total[1].toLocaleString()} out`;
  return figure(`Tokens: ${words} (pale: in)`, words,
    [label(LEFT - 6, TOP + 8, most.toLocaleString(), "end"), ...hoursBelow(span), ...bars]);
}

function tableOf(rows) {
  const cells = (row) => [new Date(row.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }), row.route, row.count, row.failed,
    ...Object.keys(KINDS).map((kind) => `${duration(row[kind].p50)} / ${duration(row[kind].p95)}`),
    Object.values(row.tokens).reduce((sum, count) => sum + count, 0)];
  const head = ["From", "Route", "Replies", "Failed", "Total p50 / p95", "Preparation", "Agent", "Tokens"];
  return make("details", {}, make("summary", { textContent: "As a table" }),
    make("div", { className: "scroll", tabIndex: 0 }, make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col", textContent: text })))),
      make("tbody", {}, ...rows.slice().reverse().map((row) => make("tr", {}, ...cells(row).map((text) => make("td", { textContent: text }))))))));
}
