"use strict";
// Elements are made here and nowhere else, and text goes in as text: nothing that an agent, a file or a sender has
// written is ever parsed as markup, and no attribute that could hold an address or a script is set from it.

const $ = (id) => document.getElementById(id);

/** An element; `properties` are set on it, but for `data` and `aria`, which are attributes of that kind. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "aria") for (const [key, given] of Object.entries(value)) element.setAttribute(`aria-${key}`, given);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a picture. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A button that is off while what it does is under way, and says what went wrong. */
function button(text, label, act) {
  const element = make("button", { type: "button", textContent: text, className: "small" });
  if (label) element.setAttribute("aria-label", label);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await act();
    } catch (error) {
      say(error);
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

/** Say what went wrong, until something goes right. */
function say(error) {
  $("problem").textContent = error ? error.message : "";
  $("problem").hidden = !error;
}

/** Milliseconds as people say them. */
function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

/** Make the children of `parent` those of `entries`, keeping the element of each key, so that no focus is lost. */
function keyed(parent, entries, key, build, update) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const entry of entries) {
    const name = String(key(entry));
    let element = kept.get(name);
    kept.delete(name);
    if (!element) {
      element = build(entry);
      element.dataset.key = name;
    }
    update(element, entry);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of kept.values()) gone.remove();
}
