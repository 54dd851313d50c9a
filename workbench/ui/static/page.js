/** What holds the page together in the browser: the open clip, the switches, the live figures, the way through. */

import { JobList } from "./jobs.js";
import { LivePage } from "./live.js";
import { followSliders } from "./sliders.js";
import { followTabs } from "./tabs.js";

const FIGURES_MS = 2000;
const CALM_MS = 700; // after a change: what takes longer must not hold up a slider that is still moving
const ROOT = new URL("../", import.meta.url); // the modules lie in …/static/
const WORDS = () => JSON.parse(document.getElementById("page-words").dataset.words);
const PARTS = ["page-words", "panel-clip", "panel-step", "panel-tune", "panel-compare", "panel-preset", "panel-job", "jobs", "live"];
const DARK = "workbench-dark";

const language = () => document.documentElement.dataset.language ?? "en";
const viewer = () => window.workbenchViewer;

/** The words `key`, with `{name}` replaced. */
export function text(key, values = {}) {
  return Object.entries(values).reduce((line, [name, value]) => line.replace(`{${name}}`, value), words[key][language()]);
}
let words = {};

const addressed = () => location.hash.match(/^#clip=([0-9a-f]{32})$/)?.[1] ?? "";

function openClip(clip) {
  document.body.dataset.clip = clip ? "open" : "none";
  if (clip !== addressed()) window.scrollTo({ top: 0 });
  if (clip !== addressed()) history.replaceState(null, "", clip ? `#clip=${clip}` : location.pathname);
  viewer()?.open(clip || null);
  changed();
}

let calming = 0;

/** Something was put into force: once nothing more comes, the parts that follow the settings are written anew. */
function changed() {
  clearTimeout(calming);
  calming = setTimeout(() => document.getElementById("calm").click(), CALM_MS);
}

function redraw() {
  changed();
  return viewer()?.refresh();
}

async function tune(settings) {
  await viewer()?.tune(settings);
  changed();
}

function keep(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/yaml" }));
  link.download = `${name.replace(/[^\p{L}\p{N}_\- ]+/gu, "") || "preset"}.yaml`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function markMask(kind) {
  for (const button of document.querySelectorAll("#compare-grid [data-pick]"))
    button.setAttribute("aria-pressed", String(button.dataset.pick === kind));
}

function switchLanguage() {
  const other = language() === "zh" ? "en" : "zh";
  document.cookie = `workbench-language=${other}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
}

function setDark(dark) {
  document.body.classList.toggle("dark", dark);
  document.getElementById("switch-dark").setAttribute("aria-pressed", String(dark));
}

function nameControls() {
  for (const element of document.querySelectorAll("[data-name-en]")) {
    const name = language() === "zh" ? element.dataset.nameZh : element.dataset.nameEn;
    element.setAttribute("aria-label", name);
    if (element.matches("button")) element.title = name;
  }
  document.title = words.title[language()];
}

const FORMATS = {
  fps: ["fps", (value) => value.toFixed(value < 10 ? 1 : 0)],
  faces: ["faces", (value) => String(value)],
  cpu: ["cpu_percent", (value) => `${Math.round(value)} %`],
  memory: ["memory_mb", (value) => (value < 1000 ? `${value} MB` : `${(value / 1024).toFixed(1)} GB`)],
  gpu: ["gpu_percent", (value) => `${Math.round(value)} %`],
};

async function showFigures() {
  if (document.hidden) return;
  const response = await fetch(new URL("api/monitor", ROOT)).catch(() => null);
  const sample = response?.ok ? await response.json() : {};
  for (const [name, [key, format]] of Object.entries(FORMATS)) {
    const figure = document.getElementById(`figure-${name}`);
    figure.hidden = sample[key] == null && name === "gpu";
    figure.querySelector("b").textContent = sample[key] == null ? "–" : format(sample[key]);
  }
}

/** The way at the top: goes to each part, and marks those in view. */
function followWay() {
  const links = new Map([...document.querySelectorAll("#way a")].map((link) => [`panel-${link.dataset.step}`, link]));
  for (const link of links.values())
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link.dataset.step);
    });
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) links.get(entry.target.id).toggleAttribute("aria-current", entry.isIntersecting);
    },
    { rootMargin: "-100px 0px -35% 0px" },
  );
  for (const id of links.keys()) seen.observe(document.getElementById(id));
  document.getElementById("way-start").addEventListener("click", () => {
    document.getElementById("job-start").click();
    show("job");
  });
}

function show(step) {
  document.getElementById(`panel-${step}`).scrollIntoView({ behavior: "smooth", block: "start" });
}

let started = false;

function start() {
  if (started || PARTS.some((id) => !document.getElementById(id))) return;
  started = true;
  observer.disconnect();
  words = WORDS();
  document.documentElement.dataset.language ??= "en";
  document.body.dataset.clip ??= addressed() ? "open" : "none";
  nameControls();
  viewer()?.language(language());
  const kept = localStorage.getItem(DARK);
  setDark(kept === null ? document.body.classList.contains("dark") : kept === "yes");
  document.getElementById("switch-language").addEventListener("click", switchLanguage);
  document.getElementById("switch-dark").addEventListener("click", () => {
    const dark = !document.body.classList.contains("dark");
    localStorage.setItem(DARK, dark ? "yes" : "no");
    setDark(dark);
  });
  // before the server removes it: what is still asked for a clip that is gone would be an error
  document.getElementById("panel-clip").addEventListener("click", ({ target }) => {
    const remove = target.closest('#clip-mine [data-act="remove"]');
    if (remove?.dataset.pick === addressed()) viewer()?.open(null);
  });
  for (const event of ["viewer-edited", "viewer-complete"]) document.addEventListener(event, changed);
  followSliders(tune);
  followWay();
  showFigures();
  setInterval(showFigures, FIGURES_MS);
  const jobs = new JobList({ root: ROOT, text, language });
  window.workbenchPage.jobsChanged = () => jobs.refresh();
  jobs.follow();
  followTabs(new LivePage(document.getElementById("live"), { root: ROOT, text }));
}

window.workbenchPage = {
  clipInAddress: addressed,
  open: openClip,
  redraw,
  keep,
  markMask,
  frame: () => viewer()?.frame() ?? 0,
  jobsChanged: () => {},
};

const observer = new MutationObserver(start); // Gradio draws the page later
observer.observe(document.documentElement, { childList: true, subtree: true });
