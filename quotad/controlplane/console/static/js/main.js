// Starts the console: who is signed in, which page is shown, and the frame around it.
import { html, nothing, render, keyed, repeat } from "./lit.js";
import * as icons from "./icons.js";
import { Api } from "./api.js";
import { Context } from "./context.js";
import { SignIn, signOut } from "./session.js";
import { applyTheme, nextTheme, theme } from "./theme.js";

const SECTIONS = [
  ["live", "Live use", icons.use, "read"],
  ["refusals", "Refusals", icons.stop, "read"],
  ["keys", "Keys", icons.key, "read"],
  ["plans", "Usage plans", icons.plan, "read"],
  ["services", "Services", icons.service, "read"],
  ["fleet", "Fleet", icons.fleet, "read"],
  ["webhooks", "Webhooks", icons.bell, "operate"],
  ["audit", "Audit log", icons.audit, "operate"],
  ["credentials", "Credentials", icons.credential, "admin"],
];

/** Fetched when they are first shown, or when the browser has nothing else to do. */
const MODULES = {
  Live: () => import("./pages/live.js"),
  Subject: () => import("./pages/subject.js"),
  Refusals: () => import("./pages/refusals.js"),
  Keys: () => import("./pages/keys.js"),
  Key: () => import("./pages/key.js"),
  Plans: () => import("./pages/plans.js"),
  Plan: () => import("./pages/plan.js"),
  PlanEdit: () => import("./pages/plan-edit.js"),
  Services: () => import("./pages/services.js"),
  Service: () => import("./pages/service.js"),
  Fleet: () => import("./pages/fleet.js"),
  Webhooks: () => import("./pages/webhooks.js"),
  Webhook: () => import("./pages/webhook.js"),
  Audit: () => import("./pages/audit.js"),
  Credentials: () => import("./pages/credentials.js"),
};

/** Which page has a path: its words, where `:` stands for any. */
const PAGES = [
  [["live"], "Live"],
  [["live", ":plan", ":service", ":environment"], "Subject"],
  [["live", ":plan", ":service", ":environment", ":secret"], "Subject"],
  [["keys"], "Keys"],
  [["keys", ":key"], "Key"],
  [["plans"], "Plans"],
  [["plans", "new"], "PlanEdit"],
  [["plans", ":plan"], "Plan"],
  [["plans", ":plan", "edit"], "PlanEdit"],
  [["services"], "Services"],
  [["services", ":service"], "Service"],
  [["refusals"], "Refusals"],
  [["fleet"], "Fleet"],
  [["webhooks"], "Webhooks"],
  [["webhooks", ":webhook"], "Webhook"],
  [["audit"], "Audit"],
  [["credentials"], "Credentials"],
];

const root = document.getElementById("console");
root.replaceChildren();
let page = null;
let visit = 0;
let menuOpen = false;
let painting = null;

function repaint() {
  painting ??= new Promise((done) =>
    requestAnimationFrame(() => {
      painting = null;
      paint();
      done();
    }),
  );
  return painting;
}

const signIn = new SignIn(repaint);
const ctx = new Context(new Api((problem) => signIn.ask(problem)), repaint);
ctx.painted = repaint;

function paint() {
  render(ctx.who === null ? signIn.page() : frame(), root);
  for (const dialog of root.querySelectorAll("dialog:not([open])")) {
    dialog.showModal();
    dialog.querySelector("[autofocus], input, select, button.primary, button")?.focus();
  }
}

function match(words) {
  for (const [pattern, found] of PAGES) {
    if (pattern.length !== words.length) continue;
    const params = {};
    const fits = pattern.every((each, at) => (each[0] === ":" ? ((params[each.slice(1)] = words[at]), true) : each === words[at]));
    if (fits) return [found, params];
  }
  return ["Live", {}];
}

/** What the address names: a page with what it is of, its path, its query. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const words = path.split("/").filter(Boolean).map(decodeURIComponent);
  const [name, params] = match(words.length ? words : ["live"]);
  return { name, params, path: path || "live", query: new URLSearchParams(query ?? "") };
}

/** The page that is named; where it cannot be fetched, one that says so. */
async function made(name, params) {
  try {
    const module = await MODULES[name]();
    return () => new module[name](ctx, params);
  } catch {
    const problem = { status: 0, message: "quotad did not answer, or was replaced by another version. Load the console again.", again: () => location.reload() };
    return () => ({ title: "Console", problem, load: () => {} });
  }
}

/** Show the page that the address names. */
async function open() {
  if (ctx.who === null) return;
  const { name, params, path, query } = address();
  const mine = ++visit;
  const make = await made(name, params);
  if (mine !== visit || ctx.who === null) return;
  page?.leave?.();
  ctx.leave();
  ctx.well();
  ctx.dialogs = [];
  ctx.query = query;
  ctx.path = path;
  menuOpen = false;
  const opened = make();
  const isFirst = page === null;
  page = opened;
  document.title = `${opened.title} · quotad`;
  await repaint();
  window.scrollTo(0, 0);
  // Whoever reads by ear hears where they are; at the first page the browser says it.
  if (!isFirst) root.querySelector("h1")?.focus();
  try {
    await opened.load();
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    opened.problem = problem;
  }
  if (page === opened) {
    document.title = `${opened.title} · quotad`;
    repaint();
  }
  if (isFirst) idle(() => Object.values(MODULES).forEach((fetched) => fetched().catch(() => null)));
}

const idle = (act) => (window.requestIdleCallback ?? setTimeout)(act);

function frame() {
  const section = ctx.path.split("/")[0];
  const who = ctx.who;
  return html`<a class="skip" href="#main" @click=${skip}>Skip to the content</a>
    <div class="layout">
      <header class="side">
        <div class="top"><a class="brand" href="#/live">${mark()}quotad</a>
          <button type="button" class="quiet square only-narrow" aria-expanded=${menuOpen} aria-controls="menu" aria-label="Menu" @click=${toggleMenu}>${icons.menu()}</button></div>
        <div id="menu" class="menu ${menuOpen ? "open" : ""}">
          <nav aria-label="Console"><ul>
            ${SECTIONS.filter(([, , , role]) => ctx.has(role)).map(([path, name, icon]) => html`<li><a href="#/${path}" aria-current=${path === section ? "page" : nothing}>${icon()}${name}</a></li>`)}
          </ul></nav>
          <div class="who">
            <div class="who-name" title=${who.name}>${who.name}<span class="badge">${who.role}</span></div>
            <div class="who-actions">
              <button type="button" class="quiet" @click=${changeTheme} aria-label="Colours: ${theme()}. Change">${theme() === "dark" ? icons.moon() : icons.sun()}<span>${theme()}</span></button>
              ${who.means === "session" ? html`<button type="button" class="quiet" @click=${leave}>${icons.out()}<span>Sign out</span></button>` : nothing}
            </div>
          </div>
        </div>
      </header>
      <main id="main" tabindex="-1">
        ${ctx.isFile ? html`<p class="notice" role="note"><b>Read-only:</b> services, plans and keys are those of the configuration file and are changed there. Use can be looked at, reset and topped up here.</p>` : nothing}
        ${ctx.trouble ? html`<p class="notice bad" role="status">${ctx.trouble} <span class="muted">What you see may be old; it is asked again.</span></p>` : nothing}
        ${page ? keyed(page, body(page)) : nothing}
      </main>
    </div>
    ${repeat(ctx.dialogs, (each) => each, dialog)}
    ${signIn.isAsked ? signIn.dialog() : nothing}
    <div class="toasts" role="status" aria-live="polite">${ctx.toasts.map((toast) => html`<p>${toast.words}</p>`)}</div>`;
}

function body(shown) {
  const problem = shown.problem;
  if (!problem) return shown.view();
  const words = problem.status === 403 ? "Your role does not allow this page." : problem.message;
  return html`<header class="page-head"><div><h1 tabindex="-1">${problem.status === 404 ? "There is nothing here" : "This could not be shown"}</h1></div></header>
    <p class="alert" role="alert">${words}</p><p><button type="button" @click=${problem.again ?? open}>Try again</button> <a href="#/live">Live use</a></p>`;
}

const dialog = (shown) =>
  html`<dialog aria-labelledby="dialog-title" class=${shown.wide ? "wide" : ""} @close=${() => ctx.closed(shown)} @cancel=${(event) => shown.stays && event.preventDefault()}>
    <h2 id="dialog-title">${shown.title}</h2>${shown.view()}</dialog>`;

const mark = () =>
  html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M8 21a8 8 0 1 1 16 0" class="faint" /><path d="M8 21a8 8 0 0 1 12-6.9" /><circle cx="16" cy="21" r="2.4" /></svg>`;

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function toggleMenu() {
  menuOpen = !menuOpen;
  repaint();
}

function changeTheme() {
  nextTheme();
  repaint();
}

async function leave() {
  signIn.signingOut();
  await signOut();
  ctx.leave();
  ctx.who = null;
  page = null;
  signIn.signedOut();
  repaint();
}

signIn.onEntered = (who) => {
  const isNew = ctx.who === null || ctx.who.role !== who.role || ctx.who.name !== who.name;
  if (ctx.who === null) page = null;
  ctx.who = who;
  // Somebody else, or another role: what is shown may not be theirs. The same: what was typed stays.
  if (isNew) open();
  repaint();
};

applyTheme();
// While it is asked who is signed in; whether it came says open().
MODULES[address().name]().catch(() => null);
window.addEventListener("hashchange", open);
signIn.begin();
