/** The opened clip as the server knows it: its newest state, asked for while it changes, and the edits sent to it. */

import * as api from "./api.js";

const POLL_MS = 500; // while the clip is being analysed
const RETRY_MS = 2000; // when the server does not answer

export class FollowedClip {
  #asking = new AbortController();

  /** `changed(state)` gets every new state; `failed(error)` a ServerError, and null once the server answers again. */
  constructor({ changed, failed }) {
    Object.assign(this, { changed, failed, id: null, state: null });
  }

  /** Another clip (null: none), of which nothing is known yet. */
  open(id) {
    this.#asking.abort();
    this.id = id;
    this.state = null;
  }

  /** Ask for the newest state, and go on asking while it changes. Resolves after the first answer. */
  refresh() {
    this.#asking.abort();
    this.#asking = new AbortController();
    if (!this.id) return Promise.resolve();
    return new Promise((resolve) => this.#follow(this.id, this.#asking.signal, resolve));
  }

  /** Send an edit (`send(id)` answers the new state). What was asked before it must not overwrite its answer. */
  async edit(send) {
    const id = this.id;
    this.#asking.abort();
    try {
      const state = await send(id);
      if (id === this.id) this.#take({ times: this.state?.times, ...state });
    } catch (error) {
      this.refresh(); // what is shown may be what the server no longer has
      throw error;
    }
    if (!this.state?.complete) this.refresh();
  }

  async #follow(id, signal, first) {
    while (!signal.aborted) {
      let pause = POLL_MS;
      try {
        const state = await this.#ask(id, signal);
        if (signal.aborted) break;
        this.failed(null);
        this.#take(state);
        if (state.complete) break;
        if (state.error) pause = RETRY_MS;
      } catch (error) {
        if (error.name === "AbortError") break;
        if (!(error instanceof api.ServerError)) throw error;
        this.failed(error);
        if (error.status >= 400 && error.status < 500) break;
        pause = RETRY_MS;
      }
      first();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    first();
  }

  /** The newest state. The times are asked for at first, and at the end: the analysis may have corrected them. */
  async #ask(id, signal) {
    const { times: known, complete: wasComplete } = this.state ?? {};
    const state = await api.getState(id, { signal, times: !known });
    if (!known || state.times) return state;
    if (state.complete !== wasComplete || state.frames !== known.length) return api.getState(id, { signal });
    return { ...state, times: known };
  }

  #take(state) {
    const before = this.state;
    this.state = state;
    this.changed(state, before);
  }
}
