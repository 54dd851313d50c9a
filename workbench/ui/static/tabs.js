/** The two halves of the page, recordings and live streams: which one is shown, and the keys that change it. */

const KEPT = "workbench-tab"; // for this browser tab alone: a reload comes back to the same half
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Work the tabs. `live.shown(yes)` hears whether the live half is to be seen. */
export function followTabs(live) {
  const tabs = [...document.querySelectorAll("#tabs [role=tab]")];

  function choose(name) {
    document.body.dataset.tab = name;
    sessionStorage.setItem(KEPT, name);
    for (const tab of tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    window.dispatchEvent(new Event("resize")); // what was hidden may have to measure itself anew
    live.shown(name === "live");
  }

  document.getElementById("tabs").addEventListener("click", ({ target }) => {
    const tab = target.closest("[role=tab]");
    if (tab) choose(tab.dataset.tab);
  });
  document.getElementById("tabs").addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.focus();
    choose(next.dataset.tab);
    event.preventDefault();
  });
  const wanted = location.hash === "#live" ? "live" : sessionStorage.getItem(KEPT);
  choose(tabs.some((tab) => tab.dataset.tab === wanted) ? wanted : "recording");
}
