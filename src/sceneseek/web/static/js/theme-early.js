// Not a module: it runs before the first paint, so that a dark page never flashes white.
try {
  const theme = localStorage.getItem("sceneseek.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's preference then applies.
}
