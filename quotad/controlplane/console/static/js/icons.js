import { html } from "./lit.js";

export const use = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 18a8 8 0 1 1 16 0M12 18l4-6" /></svg>`;
export const key = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M14 10a4 4 0 1 0-3 3.9L13 16h2v2h2v2h3v-3l-6-6a4 4 0 0 0 0-1zM9 8.5v.01" /></svg>`;
export const plan = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M5 20V10M12 20V4M19 20v-7" /></svg>`;
export const service = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 5h16v6H4zM4 13h16v6H4zM8 8v.01M8 16v.01" /></svg>`;
export const stop = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM6 6l12 12" /></svg>`;
export const fleet = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 5v5M12 10 6 15M12 10l6 5M12 3v.01M10 3h4v3h-4zM4 15h4v4H4zM16 15h4v4h-4z" /></svg>`;
export const audit = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3" /></svg>`;
export const credential = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3l8 3v6c0 4.5-3.4 7.7-8 9-4.6-1.3-8-4.5-8-9V6zM12 9a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM12 13v3" /></svg>`;
export const bell = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 16v-5a6 6 0 1 1 12 0v5l2 2H4zM10 21h4M12 3v2" /></svg>`;
export const menu = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 7h16M4 12h16M4 17h16" /></svg>`;
export const sun = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2" /></svg>`;
export const moon = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z" /></svg>`;
export const out = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9" /></svg>`;
export const copy = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M9 9h11v11H9zM5 15H4V4h11v1" /></svg>`;
export const search = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4" /></svg>`;
export const plus = () => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 5v14M5 12h14" /></svg>`;
