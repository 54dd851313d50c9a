/** Drawing a mask by hand: a box on one frame, again on another, and the stretch between them is hidden. */

import { text } from "./strings.js";

const LEAST_PX = 6; // of the clip: smaller is a slip of the hand
const FIRST_SHARE = 0.2; // of the picture's height: the box that Enter places

export class BoxDrawing {
  #first = null; // the box accepted so far, with its frame
  #box = null; // the box being drawn or moved
  #drag = null;

  /** `done(boxes)` gets one or two boxes {frame, x, y, w, h} in pixels of the clip; `changed(active)` on start and end. */
  constructor(root, { done, changed }) {
    this.frame = root.querySelector(".fv-frame");
    this.element = root.querySelector(".fv-box");
    this.ghost = root.querySelector(".fv-ghost");
    this.hint = root.querySelector(".fv-hint");
    this.once = root.querySelector('[data-do="draw-once"]');
    Object.assign(this, { done, changed, active: false, index: 0, width_px: 1, height_px: 1 });
    this.frame.addEventListener("pointerdown", (event) => this.active && this.#press(event));
    this.frame.addEventListener("pointermove", (event) => this.#drag && this.#pull(event));
    this.frame.addEventListener("pointerup", () => this.#drag && this.#release());
    this.frame.addEventListener("pointercancel", () => this.#drag && this.#giveUp());
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  start({ index, width_px, height_px }) {
    Object.assign(this, { active: true, index, width_px, height_px });
    this.#first = this.#box = null;
    this.changed(true);
    this.show(index);
  }

  stop() {
    if (!this.active) return;
    this.active = false;
    this.#first = this.#box = this.#drag = null;
    this.changed(false);
    this.show(this.index);
  }

  /** Another frame is on screen, or another language in use. */
  show(index) {
    if (index !== this.index) this.#box = null;
    this.index = index;
    this.frame.classList.toggle("fv-draws", this.active);
    this.hint.hidden = !this.active;
    const onFirst = this.#first?.frame === index;
    this.#lay(this.ghost, this.#first && !onFirst && !this.#box ? this.#first : null);
    this.#lay(this.element, this.#box ?? (onFirst ? this.#first : null));
    this.element.setAttribute("aria-label", text("draw.box", { frame: index + 1 }));
    this.#advise(onFirst);
  }

  /** Enter: put a box where one can be expected and let the keyboard move it. */
  place() {
    if (!this.active) return false;
    const size = Math.round(this.height_px * FIRST_SHARE);
    const middle = { x: (this.width_px - size) / 2, y: (this.height_px - size) / 2, w: size, h: size };
    this.#box = { ...middle, ...this.#first, frame: this.index };
    this.show(this.index);
    this.element.focus({ preventScroll: true });
    return true;
  }

  /** The stretch ends here: with the first box alone, or with the same box on this frame. */
  finish() {
    if (this.#first.frame === this.index) this.#complete([this.#first]);
    else this.#complete([this.#first, { ...this.#first, frame: this.index }]);
  }

  #advise(onFirst) {
    const [words, button] = this.hint.children;
    const key = !this.#first ? "draw.first" : onFirst ? "draw.second" : "draw.again";
    words.textContent = text(key, { frame: (this.#first?.frame ?? 0) + 1 });
    button.hidden = !this.#first;
    button.textContent = text(onFirst ? "draw.once" : "draw.here", { frame: this.index + 1 });
  }

  #at(event) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * this.width_px;
    const y = ((event.clientY - top) / height) * this.height_px;
    return { x: Math.min(Math.max(x, 0), this.width_px), y: Math.min(Math.max(y, 0), this.height_px) };
  }

  #press(event) {
    if (event.button !== 0 || event.target.closest(".fv-handle")) return;
    const from = this.#at(event);
    const held = this.#box ?? this.#first;
    const inside = held && from.x > held.x && from.y > held.y && from.x < held.x + held.w && from.y < held.y + held.h;
    this.#drag = { from, held: inside ? { ...held } : null };
    this.frame.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #pull(event) {
    const { from, held } = this.#drag;
    const to = this.#at(event);
    const drawn = { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), w: Math.abs(to.x - from.x), h: Math.abs(to.y - from.y) };
    this.#box = this.#fitted(held ? { ...held, x: held.x + to.x - from.x, y: held.y + to.y - from.y } : drawn);
    this.show(this.index);
  }

  #release() {
    this.#drag = null;
    if (this.#box) this.#accept();
  }

  #giveUp() {
    this.#drag = this.#box = null;
    this.show(this.index);
  }

  #accept() {
    const box = this.#box;
    this.#box = null;
    if (box.w < LEAST_PX || box.h < LEAST_PX) return this.show(this.index);
    if (this.#first && this.#first.frame !== this.index) return this.#complete([this.#first, box]);
    this.#first = box;
    return this.show(this.index);
  }

  #complete(boxes) {
    this.stop();
    this.done(boxes.sort((one, other) => one.frame - other.frame));
  }

  #key(event) {
    const step = Math.max(1, Math.round(this.height_px / 100));
    const change = event.shiftKey
      ? { ArrowLeft: { w: -step }, ArrowRight: { w: step }, ArrowUp: { h: -step }, ArrowDown: { h: step } }[event.key]
      : { ArrowLeft: { x: -step }, ArrowRight: { x: step }, ArrowUp: { y: -step }, ArrowDown: { y: step } }[event.key];
    if (event.key === "Enter" && this.#box) {
      this.frame.focus({ preventScroll: true });
      this.#accept();
    } else if (change) {
      const box = { ...(this.#box ?? this.#first) };
      for (const [side, by] of Object.entries(change)) box[side] += by;
      this.#box = this.#fitted(box);
      this.show(this.index);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #fitted({ x, y, w, h }) {
    const tenth = (number) => Math.round(number * 10) / 10;
    const width = Math.min(Math.max(w, LEAST_PX), this.width_px);
    const height = Math.min(Math.max(h, LEAST_PX), this.height_px);
    const left = Math.min(Math.max(x, 0), this.width_px - width);
    const top = Math.min(Math.max(y, 0), this.height_px - height);
    return { frame: this.index, x: tenth(left), y: tenth(top), w: tenth(width), h: tenth(height) };
  }

  #lay(element, box) {
    element.hidden = !box;
    if (!box) return;
    const share = (part, whole) => `${(part / whole) * 100}%`;
    element.style.left = share(box.x, this.width_px);
    element.style.top = share(box.y, this.height_px);
    element.style.width = share(box.w, this.width_px);
    element.style.height = share(box.h, this.height_px);
  }
}
