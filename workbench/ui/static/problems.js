/** Where the operator should look: the list beside the picture, and the way to the next and previous one. */

import { timecode } from "./clip_time.js";
import { language, text } from "./strings.js";

const ICONS = { gap: "gap", "low score": "low", review: "review", jump: "jump" };

export class Problems {
  #problems = [];

  /** `go(problem)`: the operator wants to see that one. */
  constructor(root, go) {
    this.panel = root.querySelector(".fv-problems");
    this.list = this.panel.querySelector("ol");
    this.count = this.panel.querySelector(".fv-count");
    this.fine = this.panel.querySelector(".fv-fine");
    this.buttons = root.querySelectorAll('[data-do="back-problem"], [data-do="next-problem"]');
    this.go = go;
  }

  /** Show the problems of `state` (null: no clip). */
  show(state) {
    this.#problems = state ? state.problems : [];
    this.list.replaceChildren(...this.#problems.map((problem) => this.#item(problem, state.times)));
    this.count.textContent = this.#problems.length || "";
    this.fine.hidden = !state || this.#problems.length > 0;
    this.fine.classList.toggle("fv-looks", Boolean(state && !state.complete));
    if (state) this.fine.lastElementChild.textContent = text(state.complete ? "problems.none" : "problems.looking");
    for (const button of this.buttons) button.disabled = !this.#problems.length;
  }

  /** The frame on screen: its problems are marked in the list. */
  mark(index) {
    this.#problems.forEach((problem, position) => {
      const button = this.list.children[position].firstElementChild;
      if (problem.frame === index) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  /** The first problem on a later frame, or the last one on an earlier frame. */
  next(index) {
    return this.#problems.find((problem) => problem.frame > index);
  }

  previous(index) {
    return this.#problems.findLast((problem) => problem.frame < index);
  }

  #item(problem, times) {
    const item = document.createElement("li");
    item.innerHTML = `<button type="button"><svg aria-hidden="true"><use href="#fv-i-${ICONS[problem.kind]}"/></svg><span></span><time></time></button>`;
    const button = item.firstElementChild;
    button.dataset.kind = problem.kind;
    button.children[1].textContent = wordsOf(problem);
    button.children[2].textContent = timecode(times[problem.frame], 1);
    button.addEventListener("click", () => this.go(problem));
    return item;
  }
}

/** What is to be said about a problem, in the language in use. */
export const wordsOf = (problem) => problem[`text_${language()}`] || text(`problem.${problem.kind}`);
