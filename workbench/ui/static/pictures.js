/** Decoded frames of one clip: each is fetched once, the newest are kept. */

import { getPicture } from "./api.js";

const KEPT = 48; // ImageBitmaps; at 960×540 that is about 100 MB

export class Pictures {
  #kept = new Map(); // key → ImageBitmap, least recently used first
  #running = new Map(); // key → { promise, abort }

  /** What identifies a picture. The original does not change when the timeline or the preset does. */
  #key({ clip, revision, index, view, width }) {
    return `${clip}/${view === "original" ? "" : revision}/${view}/${index}/${width}`;
  }

  /** The picture if it is here already. */
  kept(wanted) {
    const key = this.#key(wanted);
    const bitmap = this.#kept.get(key);
    if (bitmap) {
      this.#kept.delete(key);
      this.#kept.set(key, bitmap);
    }
    return bitmap;
  }

  /** The picture. Rejects with a ServerError, or with an AbortError when `keepOnly` gave it up. */
  load(wanted, priority = "high") {
    const key = this.#key(wanted);
    const here = this.kept(wanted);
    if (here) return Promise.resolve(here);
    const running = this.#running.get(key);
    if (running) return running.promise;
    const abort = new AbortController();
    const promise = getPicture(wanted, { signal: abort.signal, priority })
      .then((bitmap) => {
        if (!abort.signal.aborted) this.#keep(key, bitmap);
        return bitmap;
      })
      .finally(() => {
        if (this.#running.get(key)?.abort === abort) this.#running.delete(key);
      });
    this.#running.set(key, { promise, abort });
    return promise;
  }

  /** Give up everything under way but what `wanted` names: nobody waits for it any more. */
  keepOnly(...wanted) {
    const keys = new Set(wanted.map((one) => this.#key(one)));
    for (const [key, { abort }] of this.#running) {
      if (keys.has(key)) continue;
      abort.abort();
      this.#running.delete(key);
    }
  }

  /** Forget everything: another clip, or a server that counts its revisions anew. */
  clear() {
    this.keepOnly();
    for (const bitmap of this.#kept.values()) bitmap.close();
    this.#kept.clear();
  }

  #keep(key, bitmap) {
    this.#kept.set(key, bitmap);
    if (this.#kept.size <= KEPT) return;
    const [oldest, old] = this.#kept.entries().next().value;
    this.#kept.delete(oldest);
    old.close();
  }
}
