/** One tooltip for everything that has data-tip: shown on hover after a moment, and at once on keyboard focus. */

import { text } from "./strings.js";

const DELAY_MS = 450;
const DISTANCE_PX = 8;

export class Tooltip {
  #timer = 0;

  constructor(root) {
    this.root = root;
    this.element = root.querySelector(".fv-tip");
    root.addEventListener("pointerover", (event) => event.pointerType !== "touch" && this.#over(event.target));
    root.addEventListener("pointerdown", () => this.hide());
    root.addEventListener("pointerleave", () => this.hide());
    root.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && this.#show(event.target));
    root.addEventListener("focusout", () => this.hide());
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
  }

  /** Show `words` above the point `x`, `y` of the window. */
  at(x, y, words) {
    this.element.textContent = words;
    this.element.showPopover(); // the top layer: no panel clips it
    const { width, height } = this.element.getBoundingClientRect();
    const left = Math.min(Math.max(DISTANCE_PX, x - width / 2), window.innerWidth - width - DISTANCE_PX);
    const top = y - height - DISTANCE_PX;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${top >= 0 ? top : y + 3 * DISTANCE_PX}px`;
  }

  hide() {
    clearTimeout(this.#timer);
    this.element.hidePopover();
  }

  #over(element) {
    this.hide();
    if (element.closest("[data-tip]")) this.#timer = setTimeout(() => this.#show(element), DELAY_MS);
  }

  #show(element) {
    const named = element.closest("[data-tip]");
    if (!named || !this.root.contains(named)) return;
    const { left, top, width } = named.getBoundingClientRect();
    this.at(left + width / 2, top, text(named.dataset.tip, named.dataset));
  }
}
