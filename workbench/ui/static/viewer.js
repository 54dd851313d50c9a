/** The frame viewer: finds its fragment in the page and brings the parts together. */

import * as api from "./api.js";
import { frameAt } from "./clip_time.js";
import { Controls } from "./controls.js";
import { BoxDrawing } from "./drawing.js";
import { FollowedClip } from "./followed_clip.js";
import { describeKeys, listen } from "./keyboard.js";
import { Lanes, nameOf } from "./lanes.js";
import { PictureArea } from "./picture_area.js";
import { Pictures } from "./pictures.js";
import { Player } from "./player.js";
import { Problems, wordsOf } from "./problems.js";
import { fillTexts, language, setLanguage, text } from "./strings.js";
import { TimelineStrip } from "./timeline_strip.js";
import { Tooltip } from "./tooltip.js";

const QUIET_MS = 700; // a screen reader is told the position once it stays
const COMPLAIN_MS = 8000; // how long a refused edit is shown
const VIEWS = ["original", "detection", "tracking", "mask"];

class Viewer {
  #index = 0;
  #view = "mask";
  #compares = false;
  #speaking = 0;
  #complaints = { server: "", edit: "", analysis: "", picture: "" }; // the gravest first

  constructor(root) {
    this.root = root;
    this.pictures = new Pictures();
    this.clip = new FollowedClip({
      changed: (state, before) => this.#take(state, before),
      failed: (error) => this.#complain("server", error && (error.message || text("offline"))),
    });
    this.area = new PictureArea(root, this.pictures, (error) => this.#pictureFailed(error));
    this.player = new Player({
      show: (index, how) => this.#playFrame(index, how),
      expect: (index, how) => this.area.expect(this.#target(index), how),
      ended: () => this.#played(),
    });
    this.controls = new Controls(root, {
      choose: (view) => this.#choose(view),
      seek: (index, how) => this.seek(index, how),
    });
    this.problems = new Problems(root, (problem) => this.#visit(problem));
    this.strip = new TimelineStrip(root, { seek: (index, how) => this.seek(index, how), tooltip: new Tooltip(root) });
    this.lanes = new Lanes(root, {
      go: (lane) => this.#visitLane(lane),
      decide: (lane, decision) => this.#decide(lane, decision),
      remove: (lane) => this.#edit((id) => api.removeTrack(id, lane.track), text("removed", { who: nameOf(lane) })),
    });
    this.drawing = new BoxDrawing(root, {
      done: (boxes) => this.#addBoxes(boxes),
      changed: (active) => this.controls.press("draw", active),
    });
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.act(button.dataset.do);
    });
    this.relabel();
  }

  get index() {
    return this.#index;
  }

  /** Open a clip, at frame `index`; the viewer follows its analysis. Null: no clip. */
  open(id, index = 0) {
    if (id !== this.clip.id) {
      this.player.stop();
      this.drawing.stop();
      this.area.clear();
      this.clip.open(id);
      this.#index = index;
      this.#mark(null);
      for (const about of Object.keys(this.#complaints)) this.#complain(about, null);
      this.#showState();
    }
    return this.clip.refresh();
  }

  /** Put settings into force, by their option's key. */
  async tune(settings) {
    if (!this.clip.id) return;
    try {
      await this.clip.edit((id) => api.tune(id, settings));
      this.#complain("edit", null);
    } catch (error) {
      this.#refused(error);
    }
  }

  /** The page has thrown the fragment away. */
  close() {
    this.player.stop();
    this.clip.open(null);
    this.area.clear();
  }

  /** Show `index`. `moving`: the hand is still on the slider, so small pictures are good enough. */
  seek(index, { moving = false } = {}) {
    if (!this.clip.state?.frames) return;
    this.player.stop();
    this.#place(index);
    this.area.want(this.#target(this.#index), { moving });
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => this.#say(this.controls.position), QUIET_MS);
  }

  /** Write all words anew, in the language in use. */
  relabel() {
    this.root.lang = language();
    fillTexts(this.root);
    describeKeys(this.root.querySelector(".fv-keys dl"));
    this.area.describe();
    this.controls.showPlaying(this.player.playing);
    this.#showState();
    this.drawing.show(this.#index);
  }

  // What the operator can ask for, by button or by key. False: not now.
  #acts = {
    "back-frame": (how) => this.seek(this.#index - 1, how),
    "next-frame": (how) => this.seek(this.#index + 1, how),
    "back-second": (how) => this.#seekSeconds(-1, how),
    "next-second": (how) => this.#seekSeconds(1, how),
    "first-frame": (how) => this.seek(0, how),
    "last-frame": (how) => this.seek(this.clip.state.frames - 1, how),
    "back-problem": () => this.#visit(this.problems.previous(this.#index)),
    "next-problem": () => this.#visit(this.problems.next(this.#index)),
    play: () => this.#playOrPause(),
    compare: () => this.#compare(!this.#compares),
    draw: () => (this.drawing.active ? this.drawing.stop() : this.#draw()),
    "draw-place": () => this.drawing.place(),
    "draw-once": () => this.drawing.finish(),
    "draw-cancel": () => this.drawing.active && this.drawing.stop(),
    undo: () => this.clip.state.can_undo && this.#edit(api.undo, text("undone")),
    redo: () => this.clip.state.can_redo && this.#edit(api.redo, text("redone")),
    "zoom-in": () => this.strip.zoomBy(1),
    "zoom-out": () => this.strip.zoomBy(-1),
    "zoom-fit": () => this.strip.zoomBy(0),
    ...Object.fromEntries(VIEWS.map((view) => [`view-${view}`, () => this.#choose(view)])),
  };

  /** True when it was done, so that the key means nothing else. */
  act(what, { repeat = false } = {}) {
    if (what === "keys") this.controls.toggleKeys();
    else if (!this.clip.state?.frames || this.#acts[what]({ moving: repeat }) === false) return false;
    return true;
  }

  #take(state, before) {
    if (before && state.revision < before.revision) this.pictures.clear(); // the program was started anew
    this.#complain("analysis", state.error);
    this.#showState();
    if (state.complete && !before?.complete) this.#tell("viewer-complete", { revision: state.revision });
    if (!state.frames || this.player.playing) return;
    if (state.revision !== before?.revision || state.frames !== before?.frames) this.area.want(this.#target(this.#index));
  }

  #showState() {
    const { id, state } = this.clip;
    this.controls.show(id, state);
    this.controls.showView(this.#view, this.#after());
    this.lanes.show(state);
    this.strip.show(state);
    this.problems.show(state);
    if (state?.frames) this.#place(this.#index);
  }

  /** Slider, time, strip and lists at frame `index`; the picture is asked for by who calls. */
  #place(index) {
    const { state } = this.clip;
    const frame = Math.min(Math.max(index, 0), state.frames - 1);
    const moved = frame !== this.#index;
    this.#index = frame;
    this.controls.place(frame, state);
    this.strip.at(frame);
    this.problems.mark(frame);
    this.drawing.show(frame);
    if (moved) this.#tell("viewer-frame", { index: frame });
  }

  #target(index) {
    const { revision, width: width_px, height: height_px, frames } = this.clip.state;
    const views = this.#compares ? [this.#after(), "original"] : [this.#view];
    return { clip: this.clip.id, revision, index, views, width_px, height_px, frames };
  }

  /** What the original is compared with. */
  #after() {
    return this.#view === "original" ? "mask" : this.#view;
  }

  #seekSeconds(seconds, how) {
    const { times } = this.clip.state;
    this.seek(frameAt(times, times[this.#index] + seconds), how);
  }

  #choose(view) {
    this.#view = view;
    this.controls.showView(view, this.#after());
    this.#repicture();
    this.#say(text(`view.${view}`));
  }

  #compare(on) {
    this.#compares = on;
    this.controls.press("compare", on);
    this.#repicture();
  }

  #repicture() {
    if (this.clip.state?.frames && !this.player.playing) this.area.want(this.#target(this.#index));
  }

  #visit(problem) {
    if (!problem) return;
    this.seek(problem.frame);
    this.#mark(problem.track);
    this.#say(wordsOf(problem));
  }

  #visitLane(lane) {
    this.seek(lane.first);
    this.#mark(lane.track);
  }

  #mark(track) {
    this.lanes.mark(track);
    this.strip.mark(track);
  }

  #playOrPause() {
    if (this.player.playing) return this.player.stop();
    this.player.start(this.clip.state.times, this.#index);
    return this.controls.showPlaying(true);
  }

  #playFrame(index, how) {
    this.#place(index);
    return this.area.play(this.#target(index), how);
  }

  #played() {
    this.controls.showPlaying(false);
    this.#repicture();
  }

  #draw() {
    this.player.stop();
    const { width: width_px, height: height_px } = this.clip.state;
    this.drawing.start({ index: this.#index, width_px, height_px });
    this.#say(text("draw.first"));
  }

  async #addBoxes(boxes) {
    const before = new Set(this.clip.state.tracks.map((lane) => lane.track));
    const values = { first: boxes[0].frame + 1, last: boxes.at(-1).frame + 1 };
    await this.#edit((id) => api.addBoxes(id, boxes), text("draw.done", values));
    const added = this.clip.state.tracks.find((lane) => !before.has(lane.track));
    if (added) this.#mark(added.track);
  }

  #decide(lane, decision) {
    return this.#edit((id) => api.decide(id, lane.track, decision), text(`decided.${decision}`, { who: nameOf(lane) }));
  }

  async #edit(send, words) {
    try {
      await this.clip.edit(send);
      this.#complain("edit", null);
      this.#say(words);
      this.#tell("viewer-edited", { revision: this.clip.state.revision });
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error) {
    if (!(error instanceof api.ServerError)) throw error;
    this.#showState(); // a switch that the server refused goes back
    this.#complain("edit", error.message || text("offline"));
    setTimeout(() => this.#complain("edit", null), COMPLAIN_MS);
  }

  #pictureFailed(error) {
    this.#complain("picture", error && text("picture.failed", { reason: error.message || text("offline") }));
  }

  /** Show what is wrong; null: nothing any more. */
  #complain(about, words) {
    this.#complaints[about] = words ?? "";
    const gravest = Object.values(this.#complaints).find(Boolean) ?? "";
    const element = this.root.querySelector(".fv-error");
    if (element.textContent !== gravest) element.textContent = gravest; // told once by a screen reader, not every time
    element.hidden = !gravest;
  }

  #say(words) {
    clearTimeout(this.#speaking);
    this.root.querySelector(".fv-spoken").textContent = words;
  }

  #tell(name, detail) {
    this.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

let viewer = null;
let opened = null; // the clip that was asked for, perhaps before the fragment was there

/** The page may show its fragment late, or anew: then the viewer goes on where it was. */
function mount() {
  const root = document.getElementById("viewer");
  if (!root || root === viewer?.root) return;
  const index = viewer?.index ?? 0;
  viewer?.close();
  const mounted = new Viewer(root);
  viewer = mounted;
  listen(root, (what, how) => mounted.act(what, how));
  if (opened) mounted.open(opened, index);
}

window.workbenchViewer = {
  open(clip) {
    opened = clip || null;
    return viewer ? viewer.open(opened) : Promise.resolve();
  },
  refresh: () => (viewer ? viewer.clip.refresh() : Promise.resolve()),
  tune: (settings) => (viewer ? viewer.tune(settings) : Promise.resolve()),
  language(wanted) {
    setLanguage(wanted);
    viewer?.relabel();
  },
  frame: () => viewer?.index ?? 0,
};

setLanguage(navigator.language);
new MutationObserver(mount).observe(document.documentElement, { childList: true, subtree: true });
mount();
