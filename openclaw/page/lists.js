"use strict";
// Failed drops, groups, and scheduled tasks where the service has them. Each is asked for when the service says that it
// has changed, or when its view is opened.

const loads = { failed: loadFailed, groups: loadGroups, tasks: loadTasks };

async function loadFailed() {
  const { failed, more } = await call("GET", "/failed");
  $("failed-count").textContent = failed.length + more;
  $("failed-count").hidden = !failed.length;
  keyed($("failed-list"), failed.length ? failed : [{ key: "" }], ({ key }) => key, buildFailed, () => {});
  if (more) $("failed-list").append(make("li", { textContent: `and ${more} more in ipc/failed` }));
}

function buildFailed({ key, file, title, detail, at, size }) {
  if (!key) return make("li", { textContent: "No dropped file has failed." });
  const act = (method) => async () => {
    await call(method, `/failed/${key}`);
    $("main").focus();
    say(null);
  };
  return make("li", {},
    make("div", { className: "row" }, make("b", { textContent: file }),
      button("Try again", `Try ${file} again`, act("POST")), button("Remove", `Remove ${file}`, act("DELETE"))),
    make("p", { className: "text", textContent: `${title ? `${title}: ` : ""}${detail || ""}` }),
    make("p", { className: "meta", textContent: [at && new Date(at).toLocaleString(), size !== undefined && `${size} bytes`].filter(Boolean).join(" · ") }));
}

async function loadGroups() {
  const { groups } = await call("GET", "/groups");
  const names = groups.map(({ name }) => name);
  $("group").replaceChildren(...names.map((name) => make("option", { value: name, textContent: name })));
  $("group").value = names.includes(talk.group) ? talk.group : "main";
  keyed($("group-list"), groups, (group) => JSON.stringify(group), buildGroup, () => {});
}

function buildGroup({ name, folder, damaged, in_doubt: doubt, network, memory_mb: memoryMb, cpus, mounts, allowed_senders: senders, model }) {
  const words = damaged ? damaged : [
    `network ${network}`, `${memoryMb} MB`, `${cpus} CPUs`, mounts.length && `mounts ${mounts.map((mount) => mount.path).join(", ")}`,
    senders.length && `only ${senders.join(", ")}`, model && `model ${model}`,
  ].filter(Boolean).join(" · ");
  const talkTo = button("Talk", `Talk to ${name}`, async () => {
    $("group").value = name;
    location.hash = "/talk";
    showView(); // now, not when the browser tells of the hash: a hidden field takes no focus
    $("text").focus();
    await openTalk(name, talk.session);
  });
  const remove = button("Remove", `Remove the group ${name}`, async () => {
    if (confirm(`Nobody can speak to ${name} any more; its files stay. Remove it?`)) await call("DELETE", `/groups/${name}`);
  });
  remove.hidden = name === "main";
  talkTo.hidden = Boolean(damaged);
  return make("li", {},
    make("div", { className: "row" }, make("b", { textContent: name }), talkTo, remove),
    make("p", { className: damaged ? "text bad" : "text", textContent: words }),
    doubt ? make("p", { className: "text bad", textContent: doubt }) : null,
    make("p", { className: "meta", textContent: folder }));
}

/** Where the service has no tasks (404) the view is not there either. */
async function loadTasks() {
  let tasks = null;
  try {
    ({ tasks } = await call("GET", "/tasks"));
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  $("tasks-link").hidden = !tasks;
  if (!tasks) return;
  keyed($("task-list"), tasks.length ? tasks : [{ id: "" }], (task) => task.id && JSON.stringify(task), (task) => {
    if (!task.id) return make("li", { textContent: "Nothing is scheduled." });
    const { id, prompt, status, schedule_type: type, schedule_value: value, timezone, group, next } = task;
    const times = Array.isArray(next) ? next.join(", ") : next;
    return make("li", {},
      make("div", { className: "row" }, make("b", { textContent: [type, value, timezone].filter(Boolean).join(" ") || id })),
      make("p", { className: "text short", dir: "auto", textContent: prompt || "" }),
      make("p", { className: "meta", textContent: [id, status, group, times && `next ${times}`].filter(Boolean).join(" · ") }));
  }, () => {});
}
