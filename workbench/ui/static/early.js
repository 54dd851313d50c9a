/** Runs before everything else: settles the language, so that Gradio, the viewer and the server speak the same one. */
(() => {
  const chosen = document.cookie.match(/(?:^|;\s*)workbench-language=(en|zh)(?:;|$)/)?.[1];
  const language = chosen ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  const locale = language === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => locale });
  Object.defineProperty(navigator, "languages", { get: () => [locale] });
  document.documentElement.lang = locale;
  document.documentElement.dataset.language = language;
})();
