/** The sliders of the settings go straight to the server: through Gradio a move takes a quarter of a second longer. */

/** `tune(settings)` puts settings into force, by their option's key. */
export function followSliders(tune) {
  let moved = {};
  let sending = false;

  /** One request at a time; what was moved meanwhile goes with the next. */
  async function send() {
    if (sending) return;
    sending = true;
    while (Object.keys(moved).length) {
      const settings = moved;
      moved = {};
      await tune(settings);
    }
    sending = false;
  }

  window.addEventListener("pagehide", () => {
    sending = false;
    send();
  });

  document.addEventListener("input", ({ target }) => {
    const option = target.closest("[id^=option-]");
    if (!option?.querySelector("input[type=range]") || target.value === "") return;
    moved[option.id.replace(/^option-/, "").replace("-", ".")] = Number(target.value);
    send();
  });
}
