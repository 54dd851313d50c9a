/** The column beside the timeline strip: per track a face, a name and what happens to it. */

import { thumbUrl } from "./api.js";
import { gapsOf, timecode } from "./clip_time.js";
import { text } from "./strings.js";

const DECISIONS = ["mask", "keep", "review"];

/** What a track is called: by its number, or by hand and its own. */
export function nameOf({ track, name = track, runs }) {
  return text(isManual(runs) ? "face.manual" : "face", { name });
}

const isManual = (runs) => runs.every(([, , source]) => source === "manual");

export class Lanes {
  #items = new Map(); // track → <li>: kept from state to state, so that the focus stays where it is

  /** `go(lane)`, `decide(lane, decision)` and `remove(lane)` are what the operator asked for. */
  constructor(root, { go, decide, remove }) {
    this.list = root.querySelector(".fv-lanes");
    Object.assign(this, { go, decide, remove });
  }

  /** Show the tracks of `state` (null: none). */
  show(state) {
    const tracks = state ? state.tracks : [];
    const present = new Set(tracks.map((lane) => lane.track));
    for (const [track, item] of this.#items) {
      if (present.has(track)) continue;
      item.remove();
      this.#items.delete(track);
    }
    tracks.forEach((lane, position) => {
      const item = this.#items.get(lane.track) ?? this.#create(lane.track);
      this.#update(item, lane, state);
      if (this.list.children[position] !== item) this.list.insertBefore(item, this.list.children[position] ?? null);
    });
  }

  /** Mark the lane of that track, none for null. */
  mark(track) {
    for (const [its, item] of this.#items) item.classList.toggle("fv-marked", its === track);
  }

  #create(track) {
    const item = document.createElement("li");
    item.className = "fv-lane";
    item.innerHTML = `
      <button type="button" class="fv-face" data-tip="face.go"><img alt="" loading="lazy" decoding="async"></button>
      <div class="fv-name"><b></b><span></span></div>
      <button type="button" class="fv-remove" data-tip="remove"><svg><use href="#fv-i-remove"/></svg></button>
      <div class="fv-decision" role="radiogroup">${DECISIONS.map(choiceHtml(track)).join("")}</div>`;
    const [face, remove] = item.querySelectorAll("button");
    face.addEventListener("click", () => this.go(item.lane));
    face.firstElementChild.addEventListener("error", () => face.classList.add("fv-faceless"));
    face.firstElementChild.addEventListener("load", () => face.classList.remove("fv-faceless"));
    remove.addEventListener("click", () => this.remove(item.lane));
    item.querySelector(".fv-name").addEventListener("click", () => this.go(item.lane));
    item.addEventListener("change", (event) => this.decide(item.lane, event.target.value));
    this.#items.set(track, item);
    return item;
  }

  #update(item, lane, state) {
    const { decision, first, last } = lane;
    const gaps = gapsOf(lane).length;
    const who = nameOf(lane);
    const values = { who, first: timecode(state.times[first], 1), last: timecode(state.times[last], 1), gaps };
    item.lane = lane;
    item.dataset.decision = decision;
    const [face, name, remove, choices] = item.children;
    Object.assign(face.dataset, values);
    face.setAttribute("aria-label", text("face.go", values));
    name.children[0].textContent = who;
    name.children[1].textContent = text(gaps ? "face.gaps" : "face.one", values);
    name.title = name.textContent;
    remove.hidden = !isManual(lane.runs);
    remove.setAttribute("aria-label", text("remove"));
    choices.setAttribute("aria-label", text("decision", values));
    for (const input of choices.querySelectorAll("input")) {
      input.checked = input.value === decision;
      input.setAttribute("aria-label", text(`decision.${input.value}`));
    }
    this.#picture(face.firstElementChild, lane, state);
  }

  /** The face is fetched anew when the track became another one, not at every revision. */
  #picture(image, { track, first, last }, state) {
    const which = [state.id, first, state.complete ? last : ""].join("/");
    if (image.dataset.which === which) return;
    image.dataset.which = which;
    image.src = thumbUrl(state.id, track, state.revision);
  }
}

const choiceHtml = (track) => (decision) => `
  <label data-tip="decision.${decision}" data-choice="${decision}">
    <input type="radio" name="fv-decision-${track}" value="${decision}"><svg aria-hidden="true"><use href="#fv-i-${decision}"/></svg>
  </label>`;
