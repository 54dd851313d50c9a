/** The list of full jobs: asks the queue, draws what changed, and works its buttons. */

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const ACTIVE = new Set(["queued", "running"]);
const FILES = ["output", "report", "timeline", "preset", "log"];

export class JobList {
  #rows = new Map();
  #timer = 0;
  #none;

  constructor({ root, text, language }) {
    Object.assign(this, { element: null, root, text, language });
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  follow() {
    return this.refresh();
  }

  /** Gradio may draw its part of the page anew: then the list begins anew in it. */
  #place() {
    const found = document.getElementById("jobs");
    if (found === this.element) return;
    this.element = found;
    this.#rows.clear();
    this.#none = found.firstElementChild;
    found.addEventListener("click", (event) => this.#clicked(event));
  }

  async refresh() {
    this.#place();
    clearTimeout(this.#timer);
    let busy = false;
    if (!document.hidden) {
      try {
        const response = await fetch(new URL("api/jobs", this.root));
        const answer = await response.json();
        busy = this.#show(Array.isArray(answer) ? answer : answer.jobs);
        this.element.classList.remove("offline");
      } catch {
        this.element.classList.add("offline"); // the next round tries again
      }
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), busy ? BUSY_MS : IDLE_MS);
  }

  #show(jobs) {
    const known = new Set(jobs.map((job) => job.id));
    for (const [id, row] of this.#rows)
      if (!known.has(id)) {
        row.remove();
        this.#rows.delete(id);
      }
    jobs.forEach((job, place) => {
      const row = this.#rows.get(job.id) ?? this.#newRow(job);
      if (this.element.children[place] !== row) this.element.insertBefore(row, this.element.children[place] ?? null);
      this.#fill(row, job);
    });
    this.#none.hidden = jobs.length > 0;
    document.body.toggleAttribute("data-jobs", jobs.length > 0);
    this.element.append(this.#none);
    return jobs.some((job) => ACTIVE.has(job.state));
  }

  #newRow(job) {
    const row = document.createElement("article");
    row.className = "job";
    row.dataset.id = job.id;
    row.innerHTML =
      '<img class="live" alt="" hidden><div class="about"><div class="line"><b class="name"></b><span class="state"></span></div>' +
      '<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100"><i></i></div>' +
      '<p class="figures"></p><p class="message"></p><div class="files"></div></div>' +
      '<div class="acts"><button type="button" data-act="cancel"></button><button type="button" data-act="retry"></button></div>';
    row.querySelector(".name").textContent = job.name;
    row.querySelector(".bar").setAttribute("aria-label", job.name);
    row.querySelector(".live").alt = this.text("live_picture");
    for (const button of row.querySelectorAll("[data-act]")) button.textContent = this.text(button.dataset.act);
    this.#rows.set(job.id, row);
    return row;
  }

  #fill(row, job) {
    const part = (name) => row.querySelector(`.${name}`);
    const expected = job.frames_expected;
    const over = job.state === "done" || job.state === "needs_review";
    const share = over ? 100 : expected ? Math.min(100, Math.floor((100 * job.frames_done) / expected)) : 0;
    const words = job.cancelling && job.state === "running" ? "cancelling" : job.state;
    row.dataset.state = job.state;
    put(part("state"), this.text(words));
    put(part("figures"), this.#figures(job, share));
    put(part("message"), job.message ?? "");
    part("bar").hidden = !ACTIVE.has(job.state);
    part("bar").setAttribute("aria-valuenow", String(share));
    part("bar").firstElementChild.style.width = `${share}%`;
    row.querySelector('[data-act="cancel"]').hidden = !ACTIVE.has(job.state) || words === "cancelling";
    row.querySelector('[data-act="retry"]').hidden = job.state !== "failed" && job.state !== "cancelled";
    this.#live(part("live"), job);
    this.#files(part("files"), job, over);
  }

  #figures(job, share) {
    if (job.state !== "running") return "";
    const parts = [`${share} %`];
    if (job.frames_expected) parts.push(this.text("frames_of", { done: job.frames_done, all: job.frames_expected }));
    if (job.fps) parts.push(`${job.fps.toFixed(1)} ${this.text("fps")}`);
    parts.push(`${job.faces} ${this.text("faces")}`);
    if (job.eta_seconds != null) parts.push(this.text("eta", { time: clock(job.eta_seconds) }));
    return parts.join(" · ");
  }

  /** A new picture is shown once it is loaded, so that it never flickers. */
  #live(image, job) {
    if (job.state !== "running") {
      image.hidden = true;
      return;
    }
    if (!job.live || image.dataset.frame === String(job.frames_done)) return;
    image.dataset.frame = String(job.frames_done);
    const next = new Image();
    next.onload = () => {
      image.src = next.src;
      image.hidden = stateOf(image) !== "running";
    };
    next.src = new URL(`api/jobs/${job.id}/live.jpg?frame=${job.frames_done}`, this.root).href;
  }

  #files(element, job, over) {
    const wanted = FILES.filter((name) => (name === "log" ? job.state === "failed" : over) && job.files.includes(name));
    if (element.dataset.files === wanted.join()) return;
    element.dataset.files = wanted.join();
    element.replaceChildren(
      ...wanted.map((name) => {
        const link = document.createElement("a");
        link.href = new URL(`api/jobs/${job.id}/files/${name}`, this.root).href;
        link.download = "";
        link.textContent = this.text(`file_${name}`);
        if (name === "output") link.className = "main";
        return link;
      }),
    );
  }

  async #clicked(event) {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    const { id } = button.closest(".job").dataset;
    button.disabled = true;
    await fetch(new URL(`api/jobs/${id}/${button.dataset.act}`, this.root), { method: "POST" }).catch(() => null);
    button.disabled = false;
    this.refresh();
  }
}

const stateOf = (element) => element.closest(".job").dataset.state;

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
