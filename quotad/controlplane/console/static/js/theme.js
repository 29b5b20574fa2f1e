// Light, dark, or as the system has it.
const KEY = "quotad-colours";
const THEMES = ["system", "light", "dark"];

export function theme() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

export function nextTheme() {
  try {
    localStorage.setItem(KEY, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  } catch {
    // A browser that keeps nothing shows the system's.
  }
  applyTheme();
  window.dispatchEvent(new Event("quotad-colours"));
}
