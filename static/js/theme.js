// Runs before the first paint: the chosen theme, else the system's. A classic script, so that nothing flashes.
(() => {
  const chosen = document.cookie.match(/(?:^|; )cs-theme=(dark|light)/)?.[1];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  root.dataset.bsTheme = chosen || (system.matches ? "dark" : "light");
  if (!chosen) system.addEventListener("change", () => { root.dataset.bsTheme = system.matches ? "dark" : "light"; });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.bsTheme = theme;
    document.cookie = `cs-theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  });
})();
