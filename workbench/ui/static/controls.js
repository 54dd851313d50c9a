/** Stepper, slider, time code and summary: what shows where the viewer stands. */

import { gapsOf, timecode } from "./clip_time.js";
import { text } from "./strings.js";
import { isWeak } from "./strip_painting.js";

export class Controls {
  /** `choose(view)` and `seek(index, {moving})` are what the operator asked for. */
  constructor(root, { choose, seek }) {
    this.root = root;
    this.choose = choose;
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    this.scrub = root.querySelector(".fv-scrub");
    this.time = root.querySelector(".fv-time");
    this.keys = root.querySelector(".fv-keys");
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => choose(tab.dataset.view));
      tab.addEventListener("keydown", (event) => this.#tabKey(event));
    }
    this.scrub.addEventListener("input", () => seek(Number(this.scrub.value), { moving: true }));
    this.scrub.addEventListener("change", () => seek(Number(this.scrub.value), { moving: false }));
    root.addEventListener("click", (event) => {
      if (!event.target.closest('.fv-keys, [data-do="keys"]')) this.toggleKeys(false);
    });
    root.addEventListener("keyup", (event) => event.key === "Escape" && this.toggleKeys(false));
  }

  button(what) {
    return this.root.querySelector(`[data-do="${what}"]`);
  }

  /** What of the state is words and bars. `id`: the clip asked for, null for none. */
  show(id, state) {
    const usable = Boolean(state?.frames);
    this.root.dataset.phase = !id ? "empty" : !state ? "opening" : state.complete ? "ready" : "analysing";
    this.root.querySelector(".fv-empty p").textContent = text(id ? "opening" : "empty");
    for (const control of this.root.querySelectorAll('[data-do]:not([data-do="keys"]), .fv-scrub')) control.disabled = !usable;
    this.button("undo").disabled = !state?.can_undo;
    this.button("redo").disabled = !state?.can_redo;
    this.scrub.max = usable ? state.frames - 1 : 0;
    if (!usable) this.#noTime();
    this.#summarise(state);
    this.#explain(state);
  }

  /** The chosen step, and what the original is compared with. */
  showView(view, after) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.view === view;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) this.root.querySelector(".fv-stage").setAttribute("aria-labelledby", tab.id);
    }
    this.root.querySelector(".fv-chip-after").textContent = text(after === "mask" ? "after" : `view.${after}`);
  }

  /** The frame on screen. */
  place(index, { times, frames }) {
    const values = { time: timecode(times[index]), frame: index + 1, frames };
    this.scrub.value = index;
    this.scrub.style.setProperty("--fv-done", `${(index / Math.max(1, frames - 1)) * 100}%`);
    this.position = text("position", values);
    this.scrub.setAttribute("aria-valuetext", this.position);
    this.time.firstElementChild.textContent = values.time;
    this.time.lastElementChild.textContent = text("frame", values);
  }

  showPlaying(playing) {
    const button = this.button("play");
    button.setAttribute("aria-label", text(playing ? "pause" : "play"));
    button.querySelector("use").setAttribute("href", playing ? "#fv-i-pause" : "#fv-i-play");
  }

  press(what, on) {
    this.button(what).setAttribute("aria-pressed", on);
  }

  toggleKeys(on = this.keys.hidden) {
    this.keys.hidden = !on;
    this.button("keys").setAttribute("aria-expanded", on);
  }

  #noTime() {
    this.time.firstElementChild.textContent = timecode(0);
    this.time.lastElementChild.textContent = "";
  }

  #summarise(state) {
    const count = state ? state.tracks.length : 0;
    const looking = Boolean(state && !state.complete);
    const percent = state?.frames ? Math.floor((state.analysed / state.frames) * 100) : 0;
    const faces = count === 1 ? text("summary.one") : text("summary.many", { count });
    const summary = looking ? text("summary.analysing", { percent }) : state ? faces : "";
    this.root.querySelector(".fv-summary").textContent = summary;
    this.root.querySelector(".fv-progress").setAttribute("aria-valuenow", percent);
    this.root.querySelector(".fv-nobody").textContent = !state || count ? "" : text(looking ? "nobody.yet" : "nobody");
    this.root.style.setProperty("--fv-analysed", `${percent}%`);
  }

  /** The legend names what the strip shows, and no more. */
  #explain(state) {
    const shown = new Set(["detected"]);
    for (const lane of state?.tracks ?? []) {
      for (const run of lane.runs) {
        shown.add(run[2]);
        if (isWeak(run, state.confidence)) shown.add("low");
      }
      if (gapsOf(lane).length) shown.add("gap");
      if (lane.decision === "review") shown.add("review");
    }
    for (const item of this.root.querySelectorAll(".fv-legend li")) item.hidden = !shown.has(item.dataset.kind);
  }

  #tabKey(event) {
    const at = this.tabs.indexOf(event.currentTarget);
    const last = this.tabs.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.shiftKey) return;
    const tab = this.tabs[(to + this.tabs.length) % this.tabs.length];
    this.choose(tab.dataset.view);
    tab.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
