/** The live half of the page: starts streams, shows them side by side, and lists what they recorded. */

import { ServerError, send } from "./api.js";
import { LiveTile, fill } from "./live_tile.js";
import { Webcam } from "./live_webcam.js";

const ASK_MS = 1000;

export class LivePage {
  #tiles = new Map();
  #webcams = new Map();
  #timer = 0;
  #asked = 0; // an answer that was overtaken by a newer one is thrown away
  #shown = false;
  #files = "";

  /** `text`: words by their key. */
  constructor(element, { root, text }) {
    Object.assign(this, { element, root, text });
    this.form = element.querySelector("#live-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    this.form.addEventListener("change", ({ target }) => target.name === "kind" && this.#showKind());
    element.querySelector(".live-files ul").addEventListener("click", (event) => this.#removeFile(event));
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Whether this half of the page is the one that is shown. */
  shown(yes) {
    this.#shown = yes;
    if (yes) this.#offer();
    this.#look();
  }

  url(path) {
    return new URL(`api/live${path}`, this.root);
  }

  /** Do something to a stream; what the server says of it then is shown at once. */
  async change(id, method, rest, body) {
    await send(method, this.url(`/${id}${rest}`), body);
    await this.refresh();
  }

  async refresh() {
    const asked = (this.#asked += 1);
    try {
      const [streams, files] = await Promise.all([send("GET", this.url("")), send("GET", this.url("/recordings"))]);
      if (asked !== this.#asked) return;
      this.element.classList.remove("offline");
      this.#show(streams);
      this.#listFiles(files);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      this.element.classList.add("offline");
    }
  }

  /** Words for what went wrong. */
  reason(error) {
    if (error instanceof ServerError) return error.message || this.text("offline");
    if (error instanceof DOMException) return this.text("live_no_webcam");
    throw error;
  }

  get seen() {
    return this.#shown && !document.hidden;
  }

  async #look() {
    clearTimeout(this.#timer);
    for (const tile of this.#tiles.values()) tile.seen(this.seen);
    if (!this.seen) return;
    await this.refresh();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ASK_MS);
  }

  /** What there is to choose from. */
  async #offer() {
    try {
      const { presets, clips, preset } = await send("GET", this.url("/choices"));
      this.presets = presets;
      fill(this.form.elements.preset, presets, preset);
      fill(this.form.elements.clip, clips.length ? clips : [{ value: "", name: this.text("live_no_clips") }]);
      for (const tile of this.#tiles.values()) tile.offer(presets);
    } catch (error) {
      this.#complain(this.reason(error));
    }
  }

  #showKind() {
    const { value } = this.form.elements.kind;
    for (const details of this.form.querySelectorAll(".live-details")) details.hidden = details.dataset.kind !== value;
    this.#complain("");
  }

  async #start() {
    const { kind, camera, address, clip, preset } = this.form.elements;
    const button = this.form.querySelector(".live-main");
    const body = { kind: kind.value, preset: preset.value };
    if (body.kind === "camera") body.camera = Number(camera.value);
    if (body.kind === "address") body.address = address.value;
    if (body.kind === "clip") body.clip = clip.value;
    button.disabled = true;
    this.#complain("");
    let webcam = null;
    try {
      if (body.kind === "webcam") webcam = await Webcam.open(this.text);
      const { id } = await send("POST", this.url(""), body);
      if (webcam) this.#webcams.set(id, webcam.feed(this.#socket(id, "webcam")));
      webcam = null;
      if (address.value === body.address) address.value = ""; // else the next one is being typed already
      await this.refresh();
      this.#tiles.get(id)?.element.scrollIntoView({ behavior: "smooth", block: "nearest" });
    } catch (error) {
      webcam?.stop();
      this.#complain(error instanceof Error && error.name === "Insecure" ? error.message : this.reason(error));
    } finally {
      button.disabled = false;
    }
  }

  #socket(id, what) {
    return (width = 0) => {
      const url = this.url(`/${id}/${what}?w=${width}`);
      url.protocol = url.protocol.replace("http", "ws");
      return new WebSocket(url);
    };
  }

  #show(streams) {
    const running = new Map(streams.map((stream) => [stream.id, stream]));
    for (const [id, tile] of this.#tiles)
      if (!running.has(id)) {
        tile.close();
        this.#tiles.delete(id);
      }
    for (const [id, webcam] of this.#webcams)
      if (running.get(id)?.over !== false) {
        webcam.stop();
        this.#webcams.delete(id);
      }
    for (const stream of streams) {
      const tile = this.#tiles.get(stream.id) ?? this.#newTile(stream);
      tile.show(stream);
    }
    this.element.querySelector(".live-none").hidden = streams.length > 0;
    this.element.querySelector("#live-grid").dataset.count = String(streams.length);
  }

  #newTile(stream) {
    const tile = new LiveTile(stream, this, this.#socket(stream.id, "pictures"));
    this.#tiles.set(stream.id, tile);
    this.element.querySelector("#live-grid").append(tile.element);
    tile.offer(this.presets ?? []);
    tile.seen(this.seen);
    return tile;
  }

  #listFiles(files) {
    const drawn = JSON.stringify(files);
    if (drawn === this.#files) return;
    this.#files = drawn;
    this.element.querySelector(".live-files ul").replaceChildren(...files.map((file) => this.#fileRow(file)));
    this.element.querySelector(".live-no-files").hidden = files.length > 0;
    this.element.querySelector(".live-kept").hidden = files.length === 0;
  }

  #fileRow({ name, size_bytes: bytes }) {
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.href = this.url(`/recordings/${encodeURIComponent(name)}`).href;
    link.download = name;
    link.textContent = name.replace(/\.mp4$/, "");
    link.setAttribute("aria-label", this.text("live_download", { name }));
    const size = document.createElement("small");
    size.textContent = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", textContent: "×", title: this.text("live_remove", { name }) });
    remove.setAttribute("aria-label", remove.title);
    remove.dataset.name = name;
    row.append(link, size, remove);
    return row;
  }

  async #removeFile(event) {
    const { name } = event.target.closest("button")?.dataset ?? {};
    if (!name) return;
    try {
      await send("DELETE", this.url(`/recordings/${encodeURIComponent(name)}`));
    } catch (error) {
      this.#complain(this.reason(error));
    }
    await this.refresh();
  }

  #complain(words) {
    const note = this.form.querySelector(".note");
    note.textContent = words;
    note.hidden = !words;
  }
}
