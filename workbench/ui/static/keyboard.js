/** Keyboard shortcuts: key → what the viewer does. They hold back wherever a key already means something. */

import { text } from "./strings.js";

const SHORTCUTS = {
  ArrowLeft: "back-frame",
  ArrowRight: "next-frame",
  "Shift+ArrowLeft": "back-second",
  "Shift+ArrowRight": "next-second",
  Home: "first-frame",
  End: "last-frame",
  " ": "play",
  p: "back-problem",
  n: "next-problem",
  1: "view-original",
  2: "view-detection",
  3: "view-tracking",
  4: "view-mask",
  c: "compare",
  b: "draw",
  "Mod+z": "undo",
  "Mod+Shift+z": "redo",
  "Mod+y": "redo",
  Enter: "draw-place",
  Escape: "draw-cancel",
};

const OVERVIEW = [
  ["key.arrows", "key.step"],
  ["key.shift", "key.second"],
  ["N  P", "key.problem"],
  ["key.space", "key.play"],
  ["1  2  3  4", "key.views"],
  ["C", "key.compare"],
  ["B", "key.draw"],
  ["key.home", "key.ends"],
  ["key.ctrl", "key.undo"],
];

const TYPING = "input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable=true]";
const OWN_ARROWS = "input, [role=slider], [role=radiogroup], [role=listbox], [role=menu], [role=spinbutton], video, audio";
const OWN_SPACE = "button, a, summary, label, input, [role=button], [role=tab], [role=checkbox], video, audio";
const OWN_ENDS = "[role=tablist], input, [role=slider]";

/** Calls `act(what, {repeat})` for every shortcut pressed while the viewer can be seen and nothing else wants the key. */
export function listen(root, act) {
  document.addEventListener("keydown", (event) => {
    const what = SHORTCUTS[nameOf(event)];
    if (!root.isConnected || !what || event.defaultPrevented || !isOurs(root, event)) return;
    if (act(what, { repeat: event.repeat })) event.preventDefault();
  });
}

function nameOf(event) {
  if (event.altKey) return "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const modified = event.ctrlKey || event.metaKey ? "Mod+" : "";
  return modified + (event.shiftKey ? "Shift+" : "") + key;
}

function isOurs(root, event) {
  const at = event.target instanceof Element ? event.target : document.body;
  const scrub = at.matches(".fv-scrub") && root.contains(at);
  if (at.closest(TYPING) || !isVisible(root)) return false;
  if (event.key === " " || event.key === "Enter") return scrub || !at.closest(OWN_SPACE);
  if (event.key.startsWith("Arrow")) return scrub || !(at.closest(OWN_ARROWS) || at.closest("[role=tablist]"));
  if (event.key === "Home" || event.key === "End") return root.contains(at) && (scrub || !at.closest(OWN_ENDS));
  return true;
}

function isVisible(root) {
  const { top, bottom, width } = root.getBoundingClientRect();
  return width > 0 && bottom > 0 && top < window.innerHeight;
}

/** Fill the list of shortcuts: keys and what they do. */
export function describeKeys(list) {
  list.replaceChildren(
    ...OVERVIEW.flatMap(([keys, what]) => {
      const term = document.createElement("dt");
      const named = keys.startsWith("key.") ? text(keys) : keys;
      term.append(...named.split("  ").map((one) => Object.assign(document.createElement("kbd"), { textContent: one })));
      return [term, Object.assign(document.createElement("dd"), { textContent: text(what) })];
    }),
  );
}
