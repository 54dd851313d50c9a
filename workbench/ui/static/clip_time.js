/** Between frames and seconds. `times` holds the seconds of every frame: frames need not be evenly spaced. */

/** The last frame shown at or before `seconds`. */
export function frameAt(times, seconds) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= seconds + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** When the frame makes way for the next one; the last frame stays as long as the one before it. */
export function frameEnd(times, index) {
  if (index + 1 < times.length) return times[index + 1];
  const last = times.length - 1;
  return times[last] + (last > 0 ? times[last] - times[last - 1] : 0.04);
}

/** m:ss.mmm, or h:mm:ss.mmm from an hour on. `digits`: how many decimals. */
export function timecode(seconds, digits = 3) {
  const scale = 10 ** digits;
  const units = Math.max(0, Math.round(seconds * scale));
  const whole = Math.floor(units / scale);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const clock = `${hours ? String(minutes).padStart(2, "0") : minutes}:${String(rest).padStart(2, "0")}`;
  const fraction = digits ? `.${String(units % scale).padStart(digits, "0")}` : "";
  return (hours ? `${hours}:` : "") + clock + fraction;
}

/** Stretches [first, last] of frames inside a lane that no run covers. */
export function gapsOf(lane) {
  const gaps = [];
  let next = lane.first;
  for (const [first, last] of lane.runs) {
    if (first > next) gaps.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  return gaps;
}
