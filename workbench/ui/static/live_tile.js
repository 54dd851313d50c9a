/** One live stream on the page: its masked picture, its figures, and its buttons. */

const WIDEST_PX = 1280;
const FIGURES = ["fps", "faces", "delay", "dropped", "whole"];
const WORDS = { fps: "fps", faces: "faces", delay: "live_delay", dropped: "live_dropped", whole: "live_whole" };

const HTML = `
  <div class="live-screen">
    <canvas role="img" width="16" height="9"></canvas>
    <p class="live-wait"><i></i><span></span></p>
    <div class="live-pills"><span class="live-state"></span><span class="live-rec" hidden></span><span class="live-sent" hidden></span></div>
    <button type="button" class="live-full" data-act="full"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4 8V4h4m4 0h4v4m0 4v4h-4m-4 0H4v-4"/></svg></button>
  </div>
  <div class="live-about">
    <h3></h3>
    <dl>${FIGURES.map((name) => `<div data-figure="${name}"><dt></dt><dd>–</dd></div>`).join("")}</dl>
    <p class="live-why lead" hidden></p>
    <p class="live-message note" role="status" hidden></p>
    <div class="live-acts">
      <select></select>
      <button type="button" data-act="record" aria-pressed="false"></button>
      <button type="button" data-act="push" aria-pressed="false" aria-expanded="false"></button>
      <button type="button" data-act="stop"></button>
    </div>
    <form class="live-push" autocomplete="off" hidden>
      <label class="live-field"><span></span><input type="password" autocomplete="off" maxlength="2000" placeholder="rtmp://…" required></label>
      <button></button><p class="lead"></p>
    </form>
    <p class="note wrong live-wrong" role="alert" hidden></p>
  </div>`;

export class LiveTile {
  #stream;
  #open;
  #socket = null;
  #seen = false;
  #owed = 0; // pictures that were drawn and not yet asked to be followed by another: the page is hidden
  #width = 0;
  #leaving = false;

  /** `page`: the LivePage. `open`: opens the web socket that pictures come through. */
  constructor(stream, page, open) {
    this.#stream = stream;
    this.#open = open;
    this.page = page;
    this.element = document.createElement("article");
    this.element.className = "part live-tile";
    this.element.innerHTML = HTML;
    this.#label(stream.name);
    this.element.addEventListener("click", (event) => this.#clicked(event));
    this.#part("select").addEventListener("change", ({ target }) => this.#do("POST", "/preset", { preset: target.value }));
    this.#part(".live-push").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#push();
    });
    this.sized = new ResizeObserver(() => this.#fit());
    this.sized.observe(this.#part(".live-screen"));
  }

  /** The presets that there are. */
  offer(presets) {
    fill(this.#part("select"), presets, this.#stream.preset);
    this.#part("select").value = this.#stream.preset;
  }

  /** Whether anybody can see it: if not, no picture is asked for. */
  seen(yes) {
    this.#seen = yes;
    if (!yes) return;
    for (; this.#owed > 0; this.#owed -= 1) this.#ask();
    this.#connect();
  }

  /** Show what the server says of the stream. */
  show(stream) {
    this.#stream = stream;
    const { text } = this.page;
    const live = stream.state === "running";
    this.element.dataset.state = stream.whole_now && live ? "hidden" : stream.state;
    put(this.#part(".live-state"), text(stream.whole_now && live ? "live_hidden" : `live_${stream.state}`));
    put(this.#part(".live-wait span"), text(`live_${live ? "connecting" : stream.state}`));
    this.#figures(stream);
    this.#marks(stream);
    this.#note(".live-message", [stream.message, stream.recording_message, stream.push_message].filter(Boolean).join(" · "));
    const why = stream.whole_events.map(([reason, count]) => `${reason} ×${count}`).join(" · ");
    this.#note(".live-why", why && text("live_whole_why", { why }));
    for (const name of ["record", "push"]) this.#part(`[data-act="${name}"]`).hidden = stream.over;
    this.#part("select").hidden = stream.over;
    put(this.#part('[data-act="stop"]'), text(stream.over ? "live_close" : "live_stop"));
    if (stream.over) this.#part(".live-push").hidden = true;
    this.#connect();
  }

  close() {
    this.#leaving = true;
    this.sized.disconnect();
    this.#socket?.close();
    this.element.remove();
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }

  #label(name) {
    const { text } = this.page;
    this.element.setAttribute("aria-label", name);
    this.#part("h3").textContent = name;
    this.#part("canvas").setAttribute("aria-label", text("live_masked_picture", { name }));
    this.#part(".live-full").title = text("live_fullscreen");
    this.#part(".live-full").setAttribute("aria-label", text("live_fullscreen"));
    this.#part(".live-acts select").setAttribute("aria-label", text("live_preset"));
    this.#part(".live-push span").textContent = text("live_push_field");
    this.#part(".live-push button").textContent = text("live_push_start");
    this.#part(".live-push .lead").textContent = text("live_push_help");
    for (const figure of FIGURES) this.#part(`[data-figure="${figure}"] dt`).textContent = text(WORDS[figure]);
  }

  #figures(stream) {
    const whole = stream.whole_events.reduce((sum, [, count]) => sum + count, 0);
    const delay = stream.fps ? `${stream.delay_p50_ms} / ${stream.delay_p95_ms} ms` : "–";
    const fps = stream.fps ? stream.fps.toFixed(stream.fps < 10 ? 1 : 0) : "–";
    const values = { fps, faces: stream.faces, delay, dropped: stream.dropped, whole };
    for (const [name, value] of Object.entries(values)) put(this.#part(`[data-figure="${name}"] dd`), String(value));
  }

  #marks(stream) {
    const { text } = this.page;
    const [record, push] = [this.#part('[data-act="record"]'), this.#part('[data-act="push"]')];
    put(record, text(stream.recording ? "live_stop_record" : "live_record"));
    record.setAttribute("aria-pressed", String(Boolean(stream.recording)));
    put(push, text(stream.push ? "live_stop_push" : "live_push"));
    push.setAttribute("aria-pressed", String(Boolean(stream.push)));
    mark(this.#part(".live-rec"), stream.recording && text("live_recording_to"));
    mark(this.#part(".live-sent"), stream.push && text("live_pushing_to", { place: stream.push }));
    this.#part(".live-sent").toggleAttribute("data-works", stream.push_works);
  }

  #note(selector, words) {
    const note = this.#part(selector);
    put(note, words ?? "");
    note.hidden = !words;
  }

  // --- pictures ---------------------------------------------------------------------------------------------------

  /** Pictures as large as they are shown, but no larger than is of use. */
  #fit() {
    const wanted = this.#wantedWidth();
    if (wanted <= this.#width * 1.1 && wanted > this.#width * 0.5) return;
    this.#width = wanted;
    const before = this.#socket;
    if (before?.readyState !== WebSocket.OPEN) return;
    this.#socket = null;
    before.close();
    this.#connect();
  }

  #wantedWidth() {
    return Math.min(Math.round(this.#part(".live-screen").clientWidth * devicePixelRatio), WIDEST_PX);
  }

  #connect() {
    if (this.#socket || this.#leaving || this.#stream.over || !this.#seen) return;
    this.#width ||= this.#wantedWidth();
    const socket = (this.#socket = this.#open(this.#width));
    this.#owed = 0;
    socket.binaryType = "blob";
    socket.onmessage = ({ data }) => this.#draw(data, socket);
    socket.onclose = () => {
      if (this.#socket === socket) this.#socket = null; // opened anew when the server next says that there is a stream
    };
  }

  async #draw(data, socket) {
    const picture = await createImageBitmap(data).catch(() => null);
    if (picture) {
      const canvas = this.#part("canvas");
      if (canvas.width !== picture.width || canvas.height !== picture.height)
        Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0);
      picture.close();
      this.element.dataset.pictures = "yes";
    }
    if (socket !== this.#socket) return;
    if (this.#seen) this.#ask();
    else this.#owed += 1;
  }

  #ask() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send("shown");
  }

  // --- buttons ----------------------------------------------------------------------------------------------------

  #clicked({ target }) {
    const act = target.closest("[data-act]")?.dataset.act;
    if (act === "stop") this.#stop();
    else if (act === "record") this.#do(this.#stream.recording ? "DELETE" : "POST", "/record");
    else if (act === "push" && this.#stream.push) this.#do("DELETE", "/push");
    else if (act === "push") this.#askWhereTo();
    else if (act === "full") this.#fillScreen();
  }

  async #stop() {
    this.#leaving = true;
    this.#leaving = await this.#do("DELETE", "");
  }

  #askWhereTo() {
    const form = this.#part(".live-push");
    form.hidden = !form.hidden;
    this.#part('[data-act="push"]').setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) form.querySelector("input").focus();
  }

  async #push() {
    const input = this.#part(".live-push input");
    if (!(await this.#do("POST", "/push", { address: input.value }))) return;
    input.value = "";
    this.#askWhereTo();
  }

  #fillScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#part(".live-screen").requestFullscreen();
  }

  /** Whether it was done; else it is said why not. */
  async #do(method, rest, body) {
    this.#note(".live-wrong", "");
    try {
      await this.page.change(this.#stream.id, method, rest, body);
      return true;
    } catch (error) {
      this.#note(".live-wrong", this.page.reason(error));
      return false;
    }
  }
}

/** The choices of a <select>, keeping the one that is chosen. */
export function fill(select, choices, preferred = "") {
  const chosen = select.value || preferred;
  select.replaceChildren(...choices.map(({ value, name }) => new Option(name, value)));
  select.value = choices.some(({ value }) => value === chosen) ? chosen : (choices[0]?.value ?? "");
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function mark(element, words) {
  put(element, words || "");
  element.hidden = !words;
}
