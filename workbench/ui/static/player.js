/** Plays a clip in its own time. Frames that would come too late are left out; nothing is shown slower. */

import { frameAt, frameEnd } from "./clip_time.js";

const MOST_FPS = 12; // enough to judge movement, and two cores keep up
const TICK_MS = 1000 / MOST_FPS;
const REMEMBERED = 0.7; // weight of the past in the running mean of how long a picture takes

export class Player {
  #run = 0; // rises with every start and stop, so that an older loop ends by itself
  #took_ms = 0;

  /** `show(index, {hasty})` resolves once the frame is on screen; `expect(index, {hasty})` fetches ahead; `ended()`. */
  constructor({ show, expect, ended }) {
    Object.assign(this, { show, expect, ended });
    this.playing = false;
  }

  /** From frame `from` on; from the start again when that is the last one. */
  async start(times, from) {
    const run = ++this.#run;
    this.playing = true;
    const last = times.length - 1;
    const first = from >= last ? 0 : from;
    const began = performance.now() - times[first] * 1000;
    let index = first;
    while (run === this.#run) {
      const asked = performance.now();
      const hasty = this.#took_ms > TICK_MS;
      await this.show(index, { hasty });
      this.#took_ms = REMEMBERED * this.#took_ms + (1 - REMEMBERED) * (performance.now() - asked);
      if (run !== this.#run) return;
      if (index >= last) return this.stop();
      const due = Math.max(asked + TICK_MS, began + frameEnd(times, index) * 1000, performance.now());
      index = Math.min(last, Math.max(index + 1, frameAt(times, (due - began) / 1000)));
      this.expect(index, { hasty });
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
  }

  stop() {
    if (!this.playing) return;
    this.#run += 1;
    this.playing = false;
    this.ended();
  }
}
