/** The timeline strip: lanes over time, scrolled natively, painted on one canvas that stays in place. */

import { frameAt, gapsOf, timecode } from "./clip_time.js";
import { nameOf } from "./lanes.js";
import { wordsOf } from "./problems.js";
import { LANE_PX, momentAt, PAD_PX, paint, readInks, RULER_PX, xOf } from "./strip_painting.js";
import { text } from "./strings.js";

const FRAME_PX = 64; // a frame is never drawn wider than this
const ZOOM_STEP = 1.6;
const SNAP_PX = 6; // a click this near to a problem's mark means the problem

export class TimelineStrip {
  #state = null;
  #index = 0;
  #zoom = 1;
  #marked = null;
  #inks = null;
  #dirty = false;

  /** `seek(index, {moving})`: the operator points at a frame. `tooltip`: a Tooltip. */
  constructor(root, { seek, tooltip }) {
    this.root = root;
    this.scroller = root.querySelector(".fv-scroller");
    this.field = root.querySelector(".fv-field");
    this.ruler = root.querySelector(".fv-ruler");
    this.canvas = root.querySelector(".fv-canvas");
    this.context = this.canvas.getContext("2d");
    Object.assign(this, { seek, tooltip });
    root.style.setProperty("--fv-lane", `${LANE_PX}px`);
    root.style.setProperty("--fv-ruler", `${RULER_PX}px`);
    this.#listen();
  }

  show(state) {
    if (state?.id !== this.#state?.id) this.#zoom = 1;
    this.#state = state;
    this.#layOut();
  }

  /** Move the playhead; a zoomed strip follows it. */
  at(index) {
    this.#index = index;
    if (this.#state && this.#zoom > 1) this.#follow();
    this.#repaint();
  }

  /** Mark the lane of that track (null: none) and bring it into sight. */
  mark(track) {
    this.#marked = track;
    const row = this.#state ? this.#state.tracks.findIndex((lane) => lane.track === track) : -1;
    if (row >= 0) {
      const room = this.scroller.clientHeight - RULER_PX - LANE_PX;
      const [least, most] = [row * LANE_PX - room, row * LANE_PX];
      this.scroller.scrollTop = Math.min(Math.max(this.scroller.scrollTop, least), most);
    }
    this.#repaint();
  }

  zoomBy(steps) {
    this.#zoomTo(steps ? this.#zoom * ZOOM_STEP ** steps : 1, this.#x(this.#index) - this.scroller.scrollLeft);
  }

  #listen() {
    this.scroller.addEventListener("scroll", () => this.#repaint(), { passive: true });
    this.scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    for (const part of [this.ruler, this.field]) {
      part.addEventListener("pointerdown", (event) => this.#press(event));
      part.addEventListener("pointermove", (event) => this.#hover(event));
      part.addEventListener("pointerup", (event) => this.#release(event));
      part.addEventListener("pointerleave", () => this.tooltip.hide());
    }
    new ResizeObserver(() => this.#layOut()).observe(this.scroller);
    const restyle = () => {
      this.#inks = null;
      this.#repaint();
    };
    new MutationObserver(restyle).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  }

  #paneWidth() {
    return Math.max(1, this.scroller.clientWidth - this.ruler.offsetLeft);
  }

  #layOut() {
    const height = (this.#state ? this.#state.tracks.length : 0) * LANE_PX;
    this.field.style.height = `${Math.max(height, LANE_PX)}px`;
    this.field.style.width = this.ruler.style.width = `${this.#wide()}px`;
    const ratio = window.devicePixelRatio || 1;
    const [width, tall] = [this.#paneWidth(), this.scroller.clientHeight];
    Object.assign(this.canvas.style, { left: `${this.ruler.offsetLeft}px`, width: `${width}px`, height: `${tall}px` });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(tall * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#inks = null;
    this.#paintNow();
  }

  #repaint() {
    if (this.#dirty) return;
    this.#dirty = true;
    requestAnimationFrame(() => this.#paintNow());
  }

  #paintNow() {
    this.#dirty = false;
    const { clientHeight, scrollLeft, scrollTop } = this.scroller;
    if (!this.#state?.frames) return void this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#inks ??= readInks(this.root, this.context);
    const size = { width: this.#paneWidth(), height: clientHeight, wide: this.#wide() };
    const scene = { ...size, state: this.#state, index: this.#index, left: scrollLeft, top: scrollTop, marked: this.#marked };
    paint(this.context, scene, this.#inks);
  }

  #wide() {
    return this.#paneWidth() * this.#zoom;
  }

  /** Where a frame begins, in pixels from the left end of the whole strip. */
  #x(index) {
    return xOf(this.#state.times[index], this.#state, this.#wide());
  }

  #indexAt(event) {
    const x = event.clientX - this.ruler.getBoundingClientRect().left;
    return frameAt(this.#state.times, momentAt(x, this.#state, this.#wide()));
  }

  #problemAt(event) {
    const x = event.clientX - this.ruler.getBoundingClientRect().left;
    const distance = (problem) => Math.abs(this.#x(problem.frame) - x);
    const near = this.#state.problems.filter((problem) => distance(problem) <= SNAP_PX);
    return near.sort((one, other) => distance(one) - distance(other))[0];
  }

  /** A finger on the lanes scrolls them; on the ruler, and with a mouse everywhere, it moves the playhead. */
  #press(event) {
    if (!this.#state?.frames || event.button !== 0) return;
    if (event.pointerType === "touch" && event.currentTarget === this.field) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    this.tooltip.hide();
    const problem = event.currentTarget === this.ruler ? this.#problemAt(event) : null;
    this.seek(problem ? problem.frame : this.#indexAt(event), { moving: true });
    event.preventDefault();
  }

  #hover(event) {
    if (!this.#state?.frames) return;
    if (event.currentTarget.hasPointerCapture(event.pointerId)) this.seek(this.#indexAt(event), { moving: true });
    else if (event.pointerType !== "touch") this.#explain(event);
  }

  #release(event) {
    if (!this.#state?.frames || event.button !== 0) return;
    const problem = event.currentTarget === this.ruler ? this.#problemAt(event) : null;
    this.seek(problem ? problem.frame : this.#indexAt(event), { moving: false });
  }

  #explain(event) {
    const words = event.currentTarget === this.ruler ? this.#rulerWords(event) : this.#laneWords(event);
    const y = event.currentTarget.getBoundingClientRect().top;
    const row = event.currentTarget === this.ruler ? 0 : Math.floor((event.clientY - y) / LANE_PX) * LANE_PX;
    if (words) this.tooltip.at(event.clientX, y + row, words);
    else this.tooltip.hide();
  }

  #rulerWords(event) {
    const problem = this.#problemAt(event);
    return problem ? wordsOf(problem) : timecode(this.#state.times[this.#indexAt(event)], 2);
  }

  #laneWords(event) {
    const row = Math.floor((event.clientY - this.field.getBoundingClientRect().top) / LANE_PX);
    const lane = this.#state.tracks[row];
    if (!lane) return "";
    const index = this.#indexAt(event);
    const inside = ([first, last]) => first <= index && index <= last;
    const run = lane.runs.find(inside);
    if (!run && !gapsOf(lane).some(inside)) return "";
    const score = run && run[3] !== null ? [text("score", { score: run[3].toFixed(2) })] : [];
    const what = text(run ? run[2] : "stretch.gap");
    return [nameOf(lane), timecode(this.#state.times[index], 2), what, ...score].join(" · ");
  }

  #wheel(event) {
    if (!this.#state?.frames || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const anchor = event.clientX - this.scroller.getBoundingClientRect().left - this.ruler.offsetLeft;
    this.#zoomTo(this.#zoom * ZOOM_STEP ** (-event.deltaY / 100), anchor);
  }

  /** Zoom so that what lies `anchor` pixels right of the names stays there. */
  #zoomTo(zoom, anchor) {
    if (!this.#state?.frames) return;
    const most = Math.max(1, (this.#state.frames * FRAME_PX) / this.#paneWidth());
    const before = this.#zoom;
    const at = this.scroller.scrollLeft + anchor;
    this.#zoom = Math.min(most, Math.max(1, zoom));
    this.#layOut();
    this.scroller.scrollLeft = (at * this.#zoom) / before - anchor;
    this.#repaint();
  }

  #follow() {
    const x = this.#x(this.#index);
    const [from, width] = [this.scroller.scrollLeft, this.#paneWidth()];
    if (x < from || x > from + width - 2 * PAD_PX) this.scroller.scrollLeft = x - width / 3;
  }
}
