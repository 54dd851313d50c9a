/** How the timeline strip looks: pure painting on a canvas, in CSS pixels. */

import { frameEnd, gapsOf, timecode } from "./clip_time.js";

export const RULER_PX = 26;
export const LANE_PX = 44;
export const PAD_PX = 10; // left of the first frame and right of the last one, so that the playhead is never cut

const BAR_PX = { least: 10, most: 26 }; // the height says the score
const TICK_PX = 84; // least distance of two labels on the ruler
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const NAMES = ["detected", "tracked", "bridged", "backfilled", "manual", "low", "gap", "review"];
const OTHERS = ["text", "muted", "line", "raised"];

/** The colours in use, read from the style sheet, with the patterns made of them. */
export function readInks(element, context) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--fv-${name}`).trim();
  const inks = Object.fromEntries([...NAMES, ...OTHERS].map((name) => [name, read(name)]));
  inks.font = `11px ${style.fontFamily}`;
  inks.patterns = {
    bridged: hatch(context, inks.bridged, (path) => path.moveTo(-2, 10) || path.lineTo(10, -2)),
    backfilled: hatch(context, inks.backfilled, (path) => path.moveTo(-2, -2) || path.lineTo(10, 10)),
    manual: hatch(context, inks.manual, (path) => path.arc(4, 4, 1, 0, 7)),
    unseen: hatch(context, inks.line, (path) => path.moveTo(-2, 10) || path.lineTo(10, -2)),
  };
  return inks;
}

function hatch(context, ink, draw) {
  const ratio = window.devicePixelRatio || 1;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(8 * ratio);
  const pen = tile.getContext("2d");
  pen.scale(tile.width / 8, tile.height / 8);
  pen.globalAlpha = 0.3;
  pen.fillStyle = ink;
  pen.fillRect(0, 0, 8, 8);
  pen.globalAlpha = 1;
  pen.strokeStyle = ink;
  pen.lineWidth = 2;
  for (const shift of [-8, 0, 8]) {
    pen.save();
    pen.translate(shift, 0);
    pen.beginPath();
    draw(pen);
    pen.stroke();
    pen.restore();
  }
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(8 / tile.width));
  return pattern;
}

/**
 * Paint everything. `scene`: `state` of the clip, `index` on screen, `width` and `height` of the canvas, `left` and `top`
 * scrolled away, `wide` the width of the whole clip, `marked` the track whose lane is marked; all in CSS pixels.
 */
export function paint(context, scene, inks) {
  const { state, width, height } = scene;
  const seconds = secondsOf(state);
  const view = { ...scene, x: (at) => xOf(at, state, scene.wide) - scene.left, seconds, inks };
  context.clearRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(0, RULER_PX, width, height - RULER_PX);
  context.clip();
  paintGrid(context, view);
  state.tracks.forEach((lane, row) => {
    const top = RULER_PX + row * LANE_PX - scene.top;
    if (top + LANE_PX > RULER_PX && top < height) paintLane(context, view, lane, top);
  });
  paintUnseen(context, view);
  context.restore();
  paintRuler(context, view);
  paintProblems(context, view);
  paintPlayhead(context, view);
}

const secondsOf = ({ times, frames }) => frameEnd(times, frames - 1) - times[0];

/** Where a moment lies on a strip `wide` pixels wide, and which moment lies where. */
export const xOf = (at, state, wide) => PAD_PX + ((at - state.times[0]) / secondsOf(state)) * (wide - 2 * PAD_PX);
export const momentAt = (x, state, wide) => state.times[0] + ((x - PAD_PX) / (wide - 2 * PAD_PX)) * secondsOf(state);

function tickSeconds({ wide, seconds }) {
  return TICKS.find((tick) => (tick / seconds) * wide >= TICK_PX) ?? TICKS.at(-1);
}

function* ticks(view) {
  const { state, left, width, wide } = view;
  const step = tickSeconds(view);
  const begin = state.times[0];
  const from = Math.max(0, Math.floor((momentAt(left, state, wide) - begin) / step));
  const to = Math.min(view.seconds, momentAt(left + width, state, wide) - begin);
  for (let count = from; count * step <= to; count += 1) yield [begin + count * step, step];
}

function paintGrid(context, view) {
  context.fillStyle = view.inks.line;
  for (const [at] of ticks(view)) context.fillRect(Math.round(view.x(at)), 0, 1, view.height);
}

function paintRuler(context, view) {
  const { inks, width } = view;
  context.fillStyle = inks.raised;
  context.fillRect(0, 0, width, RULER_PX);
  context.fillStyle = inks.line;
  context.fillRect(0, RULER_PX - 1, width, 1);
  context.font = inks.font;
  context.textBaseline = "middle";
  for (const [at, step] of ticks(view)) {
    const x = Math.round(view.x(at));
    context.fillStyle = inks.line;
    context.fillRect(x, RULER_PX - 7, 1, 6);
    context.fillStyle = inks.muted;
    const label = timecode(at, step < 1 ? 1 : 0);
    if (x + 5 + context.measureText(label).width < width) context.fillText(label, x + 5, RULER_PX / 2);
  }
}

function paintLane(context, view, lane, top) {
  const { inks, width, state } = view;
  if (lane.track === view.marked) {
    context.fillStyle = inks.raised;
    context.fillRect(0, top, width, LANE_PX);
  }
  context.fillStyle = inks.line;
  context.fillRect(0, top + LANE_PX - 1, width, 1);
  const middle = top + (LANE_PX - 1) / 2;
  const [from, to] = edges(view, lane.first, lane.last);
  if (lane.decision === "review") outline(context, inks.review, [from - 3, middle - 17, to - from + 6, 34], [], 5);
  context.globalAlpha = lane.decision === "keep" ? 0.22 : 1;
  for (const run of lane.runs) paintRun(context, view, run, middle);
  context.globalAlpha = 1;
  if (lane.decision === "keep") outline(context, inks.muted, [from, middle - 13, to - from, 26], [2, 3], 4);
  for (const [first, last] of gapsOf(lane)) paintGap(context, view, first, last, middle);
}

/** Left and right end of a stretch of frames, on whole pixels of the screen: neighbours meet without a seam. */
function edges({ state, x }, first, last) {
  const ratio = window.devicePixelRatio || 1;
  return [x(state.times[first]), x(frameEnd(state.times, last))].map((at) => Math.round(at * ratio) / ratio);
}

/** Seen, but less surely than the threshold asks. What nobody saw at all is striped instead. */
export const isWeak = ([, , source, score], confidence) =>
  score !== null && score < confidence && (source === "detected" || source === "tracked");

function paintRun(context, view, [first, last, source, score], middle) {
  const { inks, state, width } = view;
  const [from, to] = edges(view, first, last);
  if (to < 0 || from > width) return;
  const height = score === null ? BAR_PX.most : BAR_PX.least + (BAR_PX.most - BAR_PX.least) * score;
  context.fillStyle = inks.patterns[source] ?? inks[source];
  context.fillRect(from, middle - height / 2, Math.max(1.5, to - from), height);
  if (!isWeak([first, last, source, score], state.confidence)) return;
  context.fillStyle = inks.low;
  context.fillRect(from, middle + BAR_PX.most / 2 - 1, Math.max(2, to - from), 3);
}

function paintGap(context, view, first, last, middle) {
  const [from, to] = edges(view, first, last);
  outline(context, view.inks.gap, [from, middle - 9, Math.max(3, to - from), 18], [4, 3], 2);
  if (to - from < 14) return;
  context.fillStyle = view.inks.gap;
  context.font = `bold 12px ${view.inks.font.slice(5)}`;
  context.textBaseline = "middle";
  context.fillText("!", (from + to) / 2 - 2, middle + 1);
}

function outline(context, ink, [x, y, width, height], dashes, radius) {
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.setLineDash(dashes);
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.stroke();
  context.setLineDash([]);
}

function paintUnseen(context, view) {
  const { state, inks } = view;
  if (state.complete || state.analysed >= state.frames) return;
  const from = Math.max(0, view.x(state.times[state.analysed]));
  context.globalAlpha = 0.6;
  context.fillStyle = inks.patterns.unseen;
  context.fillRect(from, RULER_PX, view.width - from, view.height);
  context.globalAlpha = 1;
}

function paintProblems(context, view) {
  for (const problem of view.state.problems) {
    const x = view.x(view.state.times[problem.frame]);
    if (x < -5 || x > view.width + 5) continue;
    context.fillStyle = problem.kind === "review" ? view.inks.review : view.inks.gap;
    context.beginPath();
    context.moveTo(x - 4, RULER_PX - 8);
    context.lineTo(x + 4, RULER_PX - 8);
    context.lineTo(x, RULER_PX - 2);
    context.fill();
  }
}

function paintPlayhead(context, view) {
  const { state, inks, index, height } = view;
  const [from, to] = edges(view, index, index);
  context.fillStyle = inks.text;
  context.globalAlpha = 0.12;
  context.fillRect(from, RULER_PX, to - from, height);
  context.globalAlpha = 1;
  const x = Math.round(from);
  context.fillRect(x, 6, 2, height);
  context.beginPath();
  context.roundRect(x - 4, 2, 10, 10, 3);
  context.fill();
}
