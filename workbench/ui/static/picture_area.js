/** The picture: fetches what is wanted, shows the newest, and splits it into before and after. */

import { text } from "./strings.js";

const DRAFT_PX = 480; // while dragging: a third of the bytes, and sharp comes 120 ms after the hand rests
const WIDTHS_PX = [640, 960, 1280, 1920];
const SETTLE_MS = 120;
const NEIGHBOURS = [1, -1, 2, -2];
const BUSY_AFTER_MS = 250; // a shorter wait needs no sign of waiting

export class PictureArea {
  #target = null; // { clip, revision, index, views, width_px, frames }
  #shown = null; // the target on screen
  #settling = 0;
  #drafting = false;
  #waiting = 0;

  /** `pictures`: a Pictures; `failed(error)`: told when a frame cannot be shown, and null when one is. */
  constructor(root, pictures, failed) {
    this.stage = root.querySelector(".fv-stage");
    this.frame = root.querySelector(".fv-frame");
    this.canvases = [root.querySelector(".fv-after"), root.querySelector(".fv-before")];
    this.pictures = pictures;
    this.failed = failed;
    this.handle = new CompareHandle(this.frame);
    new ResizeObserver(() => this.#target && this.#sharpSoon()).observe(this.stage);
  }

  /** Forget the picture on screen, so that nothing of another clip stays visible. */
  clear() {
    clearTimeout(this.#settling);
    this.pictures.clear();
    this.#target = null;
    this.#blank();
    this.#wait(false);
  }

  /** Show `target` as soon as possible. While `moving`, small pictures are shown as they come, the sharp one after. */
  want(target, { moving = false } = {}) {
    this.#aim(target);
    if (!moving) return this.#sharp();
    this.#sharpSoon();
    if (!this.#drafting) this.#draft();
    return undefined;
  }

  /** One frame of playback: resolves once it is shown or has failed. `hasty`: rather small than late. */
  async play(target, { hasty }) {
    clearTimeout(this.#settling);
    this.#drafting = false;
    this.#aim(target);
    await this.#show(target, hasty ? DRAFT_PX : this.#sharpWidth(target));
  }

  /** Start fetching a frame that will soon be wanted. */
  expect(target, { hasty }) {
    this.#loadAll(target, hasty ? DRAFT_PX : this.#sharpWidth(target), "high").catch(() => {});
  }

  #aim(target) {
    this.#target = target;
    this.frame.style.setProperty("--fv-ratio", target.width_px / target.height_px);
    this.handle.enable(target.views.length > 1);
    this.#wait(true);
  }

  async #draft() {
    this.#drafting = true;
    await new Promise(requestAnimationFrame); // several moves within one picture of the screen are one wish
    let target = null;
    while (this.#drafting && this.#target && target !== this.#target) {
      target = this.#target;
      await this.#show(target, DRAFT_PX);
    }
    this.#drafting = false;
  }

  #sharpSoon() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#sharp(), SETTLE_MS);
  }

  async #sharp() {
    clearTimeout(this.#settling);
    this.#drafting = false;
    const target = this.#target;
    const width = this.#sharpWidth(target);
    this.pictures.keepOnly(...target.views.map((view) => picture(target, view, width)));
    if (await this.#show(target, width)) await this.#neighbours(target, width);
  }

  async #neighbours(target, width) {
    for (const step of NEIGHBOURS) {
      const near = { ...target, index: target.index + step };
      if (target !== this.#target) return;
      if (near.index < 0 || near.index >= target.frames) continue;
      await this.#loadAll(near, width, "low").catch(() => {});
    }
  }

  /** True once `target` is on screen at that width; false when it was given up or failed. */
  async #show(target, width) {
    try {
      const bitmaps = await this.#loadAll(target, width, "high");
      if (!this.#isStillWanted(target)) return false;
      this.#paint(target, bitmaps);
      return true;
    } catch (error) {
      if (error.name !== "AbortError" && target === this.#target) this.#fail(target, error);
      return false;
    }
  }

  #loadAll(target, width, priority) {
    return Promise.all(target.views.map((view) => this.pictures.load(picture(target, view, width), priority)));
  }

  /** While moving, a picture that the hand has just left is better than none; of another view or revision it is not. */
  #isStillWanted(target) {
    const now = this.#target;
    return now && target.clip === now.clip && target.revision === now.revision && `${target.views}` === `${now.views}`;
  }

  #paint(target, bitmaps) {
    bitmaps.forEach((bitmap, position) => {
      const canvas = this.canvases[position];
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
    });
    this.#shown = target;
    this.#describePictures();
    Object.assign(this.stage.dataset, { index: target.index, revision: target.revision, view: target.views[0] });
    this.stage.dataset.width = bitmaps[0].width;
    this.#wait(target !== this.#target);
    this.failed(null);
  }

  /** Say in the language in use what is on screen. */
  describe() {
    this.handle.describe();
    if (this.#shown) this.#describePictures();
  }

  #describePictures() {
    const { views, index, frames } = this.#shown;
    views.forEach((view, position) => {
      const values = { view: text(`view.${view}`), frame: index + 1, frames };
      this.canvases[position].setAttribute("aria-label", text("picture", values));
    });
  }

  #fail(target, error) {
    this.#wait(false);
    if (this.#shown !== target) this.#blank();
    this.failed(error);
  }

  #blank() {
    this.#shown = null;
    for (const canvas of this.canvases) {
      canvas.width = canvas.height = 0;
      canvas.removeAttribute("aria-label");
    }
  }

  #wait(waits) {
    clearTimeout(this.#waiting);
    if (waits) this.#waiting = setTimeout(() => this.stage.classList.add("fv-waits"), BUSY_AFTER_MS);
    else this.stage.classList.remove("fv-waits");
  }

  /** The smallest usual width that fills the screen's pixels, never more than the clip has. */
  #sharpWidth(target) {
    const needed = this.frame.clientWidth * (window.devicePixelRatio || 1);
    const usual = WIDTHS_PX.find((width) => width >= needed) ?? WIDTHS_PX.at(-1);
    return Math.min(usual, Math.max(target.width_px, 1));
  }
}

const picture = ({ clip, revision, index }, view, width) => ({ clip, revision, index, view, width });

/** The border between before and after: dragged with a pointer, or moved with the arrow keys. */
class CompareHandle {
  constructor(frame) {
    this.frame = frame;
    this.element = frame.querySelector(".fv-handle");
    this.element.addEventListener("pointerdown", (event) => this.#grab(event));
    this.element.addEventListener("pointermove", (event) => this.#drag(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.#move(50);
    this.enable(false);
  }

  enable(on) {
    this.frame.classList.toggle("fv-compares", on);
  }

  #grab(event) {
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    event.preventDefault();
  }

  #drag(event) {
    if (!this.element.hasPointerCapture(event.pointerId)) return;
    const { left, width } = this.frame.getBoundingClientRect();
    this.#move(((event.clientX - left) / width) * 100);
  }

  #key(event) {
    const step = event.shiftKey ? 10 : 2;
    const to = { ArrowLeft: this.percent - step, ArrowRight: this.percent + step, Home: 0, End: 100 }[event.key];
    if (to === undefined) return;
    this.#move(to);
    event.preventDefault();
    event.stopPropagation();
  }

  #move(percent) {
    this.percent = Math.min(100, Math.max(0, percent));
    this.frame.style.setProperty("--fv-split", `${this.percent}%`);
    this.describe();
  }

  /** Say the position in the language in use. */
  describe() {
    const percent = Math.round(this.percent);
    this.element.setAttribute("aria-valuenow", percent);
    this.element.setAttribute("aria-valuetext", text("handle.value", { percent }));
  }
}
