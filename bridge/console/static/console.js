// What the page does without asking the server: light or dark as the person last chose, and telling that somebody is there.
(() => {
  const KEY = "theme";
  const wanted = () => localStorage.getItem(KEY);
  const isDark = () => (wanted() ? wanted() === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const apply = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    if (window.Quasar) window.Quasar.Dark.set(isDark());
  };
  window.bootstrapBridge = {
    switchTheme() {
      localStorage.setItem(KEY, isDark() ? "light" : "dark");
      apply();
    },
  };
  apply();
  addEventListener("load", () => setTimeout(apply));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);

  let told = 0;
  const active = () => {
    const now = Date.now();
    if (now - told < 20_000 || !window.emitEvent) return;
    told = now;
    window.emitEvent("person-active");
  };
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, active, { passive: true, capture: true });
  }
})();
