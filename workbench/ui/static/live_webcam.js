/** The visitor's own camera: its pictures go to the workbench, one by one, and are shown nowhere before that. */

const ASKED = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25 } };
const AHEAD = 2; // pictures on their way: the next one is made while the last one travels
const QUALITY = 0.85;
const AGAIN_MS = 1000;

export class Webcam {
  #camera;
  #video = document.createElement("video");
  #canvas = document.createElement("canvas");
  #clock = new Worker(new URL("live_clock.js", import.meta.url));
  #socket = null;
  #open = null;
  #sent = 0;
  #again = 0;

  constructor(camera) {
    this.#camera = camera;
    Object.assign(this.#video, { srcObject: camera, muted: true, playsInline: true });
    this.#video.play();
    this.#clock.onmessage = () => this.#send();
  }

  /** Ask the visitor for the camera. Throws an error named "Insecure" where browsers lend none to the page. */
  static async open(text) {
    if (!navigator.mediaDevices) throw Object.assign(new Error(text("live_needs_https")), { name: "Insecure" });
    return new Webcam(await navigator.mediaDevices.getUserMedia({ video: ASKED, audio: false }));
  }

  /** Send pictures through the web socket that `open` opens, anew if it breaks, until stopped. */
  feed(open) {
    this.#open = open;
    const socket = (this.#socket = open());
    this.#sent = 0;
    socket.onmessage = () => {
      this.#sent -= 1;
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#again = setTimeout(() => this.feed(open), AGAIN_MS);
    };
    return this;
  }

  stop() {
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#clock.terminate();
    for (const track of this.#camera.getTracks()) track.stop();
  }

  #send() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const socket = this.#socket;
    if (!width || this.#sent >= AHEAD || socket?.readyState !== WebSocket.OPEN) return;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#canvas.getContext("2d", { alpha: false }).drawImage(this.#video, 0, 0);
    this.#sent += 1;
    this.#canvas.toBlob(
      (picture) => {
        if (picture && socket.readyState === WebSocket.OPEN) socket.send(picture);
      },
      "image/jpeg",
      QUALITY,
    );
  }
}
