/** What the viewer asks of the server, and how failures come back: one line for the user. */

const BASE = new URL("../", import.meta.url); // the modules lie in …/static/, so this holds behind a path prefix, too

/** The server refused or did not answer. `status` is 0 when there was no answer at all. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const clipUrl = (clip, rest) => new URL(`api/clips/${encodeURIComponent(clip)}/${rest}`, BASE).href;

async function answer(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("", 0);
  }
  if (!response.ok) throw new ServerError(await reasonOf(response), response.status);
  return response;
}

async function reasonOf(response) {
  try {
    return (await response.json()).error || response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

export async function send(method, url, body) {
  const options = { method, headers: { "Content-Type": "application/json" }, keepalive: true }; // even if the page is left
  if (body !== undefined) options.body = JSON.stringify(body);
  return (await answer(url, options)).json();
}


/** What is known of a clip. `times: false` leaves out the seconds of every frame: long, and known already. */
export async function getState(clip, { signal, times = true }) {
  const url = clipUrl(clip, times ? "state" : "state?times=false");
  return (await answer(url, { signal })).json();
}

export const tune = (clip, settings) => send("PATCH", clipUrl(clip, "settings"), settings);
export const decide = (clip, track, decision) => send("POST", clipUrl(clip, `tracks/${track}`), { decision });
export const addBoxes = (clip, boxes) => send("POST", clipUrl(clip, "boxes"), { boxes });
export const removeTrack = (clip, track) => send("DELETE", clipUrl(clip, `tracks/${track}`));
export const undo = (clip) => send("POST", clipUrl(clip, "undo"));
export const redo = (clip) => send("POST", clipUrl(clip, "redo"));
export const thumbUrl = (clip, track, revision) => clipUrl(clip, `thumb/${track}.jpg?rev=${revision}`);

/** One frame as an ImageBitmap, decoded away from the page's own thread. */
export async function getPicture({ clip, revision, index, view, width }, { signal, priority }) {
  const url = clipUrl(clip, `frame/${index}.jpg?view=${view}&rev=${revision}&w=${width}`);
  const response = await answer(url, { signal, priority });
  return createImageBitmap(await response.blob());
}
