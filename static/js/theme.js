// Runs before the first paint: the theme that this browser chose, else the person's own, else the system's. A classic script, so that nothing flashes.
(() => {
  const root = document.documentElement;
  const chosen = document.cookie.match(/(?:^|; )cs-theme=(dark|light)/)?.[1] || root.dataset.theme;
  const system = matchMedia("(prefers-color-scheme: dark)");
  root.dataset.bsTheme = chosen || (system.matches ? "dark" : "light");
  if (!chosen) system.addEventListener("change", () => { root.dataset.bsTheme = system.matches ? "dark" : "light"; });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.bsTheme = theme;
    document.cookie = `cs-theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  });
})();
