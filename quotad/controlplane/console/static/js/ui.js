// Small parts that every page is made of.
import { html, nothing } from "./lit.js";
import * as icons from "./icons.js";
import { at, limit, number, part, since } from "./format.js";

export const ago = (iso) =>
  iso ? html`<time datetime=${iso} title=${at(iso)}>${since(iso)}</time>` : html`<span class="muted">never</span>`;

export const badge = (kind, words) => html`<span class="badge ${kind}">${words}</span>`;

export const code = (text) => html`<code title=${text}>${text}</code>`;

/** Use against a limit. `name` is what a screen reader says before the numbers. */
export function meter({ name, used, held = 0, max, endsAt = null }) {
  const full = part(used + held, max);
  const numbers = max === -1 ? `${number(used)}, no limit` : `${number(used)} of ${number(max)}`;
  if (full === null) {
    return html`<div class="use"><div class="figures"><b>${number(used)}</b><span class="muted">no limit</span></div>
      <div class="meter none" role="img" aria-label="${name}: ${numbers}"></div></div>`;
  }
  const percent = max === 0 ? 100 : Math.floor((100 * used) / max);
  const level = full >= 1 ? "full" : full >= 0.8 ? "high" : "";
  const hint = endsAt ? `${percent} %, starts again ${since(endsAt)} (${at(endsAt)})` : `${percent} %`;
  return html`<div class="use" title=${hint}>
    <div class="figures"><b>${number(used)}</b><span class="muted">of ${limit(max)}</span><span class="percent ${level}">${percent} %</span></div>
    <div class="meter ${level}" role="meter" aria-label=${name} aria-valuemin="0" aria-valuemax=${Math.max(max, used)}
      aria-valuenow=${used} aria-valuetext="${numbers}, ${percent} %">
      <i .style=${`width:${100 * (part(used, max) ?? 0)}%`}></i>
      ${held ? html`<i class="held" .style=${`width:${100 * Math.min(1 - part(used, max), part(held, max))}%`}></i>` : nothing}
    </div></div>`;
}

/** A table, or what to do when there is nothing in it. `columns`: [{name, class}], `rows`: arrays of cells. */
export function table({ label, columns, rows, empty, busy = false }) {
  if (!rows.length && !busy) return empty;
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0">
    <table aria-busy=${busy}>
      <thead><tr>${columns.map((each) => html`<th scope="col" class=${each.class ?? ""}>${each.name}</th>`)}</tr></thead>
      <tbody>${rows.length ? rows.map((cells) => html`<tr>${cells.map((cell, at) => html`<td class=${columns[at].class ?? ""}>${cell}</td>`)}</tr>`)
        : skeleton(columns.length)}</tbody>
    </table></div>`;
}

const skeleton = (columns) =>
  Array.from({ length: 6 }, () => html`<tr class="ghost">${Array.from({ length: columns }, () => html`<td><span></span></td>`)}</tr>`);

export const emptyState = (title, words, action = nothing) =>
  html`<div class="empty"><p class="empty-title">${title}</p><p>${words}</p>${action}</div>`;

export const pager = ({ total, offset, limit, go }) =>
  html`<nav class="pager" aria-label="Pages">
    <span>${total === 0 ? "none" : `${number(offset + 1)}–${number(Math.min(offset + limit, total))} of ${number(total)}`}</span>
    <button type="button" ?disabled=${offset === 0} @click=${() => go(Math.max(0, offset - limit))}>Previous</button>
    <button type="button" ?disabled=${offset + limit >= total} @click=${() => go(offset + limit)}>Next</button>
  </nav>`;

export const searchBox = ({ label, value, on }) =>
  html`<label class="search">${icons.search()}<span class="hidden">${label}</span>
    <input type="search" .value=${value} placeholder=${label} maxlength="50" autocomplete="off" spellcheck="false"
      @input=${(event) => on(event.target.value)} /></label>`;

/** A value to be taken along. Without a secure context the browser has no clipboard for pages, but it has this. */
export function copyButton(ctx, text, label) {
  const copy = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    ctx.say(`${label} copied.`);
  };
  return html`<button type="button" class="quiet square" aria-label="Copy ${label}" title="Copy ${label}" @click=${copy}>${icons.copy()}</button>`;
}

/** A dialog of what is never shown again; `lines`: [what it is, its value]. */
export function shownOnce(ctx, { title, words, lines, more = nothing }) {
  const line = ([name, value]) => html`<div class="secret-line"><span class="muted">${name}</span><code>${value}</code>${copyButton(ctx, value, name)}</div>`;
  ctx.open({
    title,
    view: () => html`<p>${words}</p><div class="secret">${lines.map(line)}</div>
      <div class="buttons">${more}<button type="button" class="primary" @click=${() => ctx.close()}>I have kept it</button></div>`,
  });
}

export const header = (title, { back = null, actions = nothing, sub = nothing } = {}) =>
  html`<header class="page-head">
    <div>${back ? html`<a class="back" href=${back[0]}>${back[1]}</a>` : nothing}<h1 tabindex="-1">${title}</h1>
      ${sub === nothing ? nothing : html`<div class="sub">${sub}</div>`}</div>
    <div class="actions">${actions}</div></header>`;

export const alert = (words) => (words ? html`<p class="alert" role="alert" tabindex="-1">${words}</p>` : nothing);

/** "Really?": what it does is said, and `act` does it. Refused: why stands there. */
export function confirmation(ctx, { title, words, yes, danger = true, act, extra = () => nothing }) {
  const state = { busy: false, refused: "" };
  const run = async (event) => {
    event.preventDefault();
    state.busy = true;
    state.refused = "";
    ctx.repaint();
    try {
      const said = await act();
      ctx.close();
      if (said) ctx.say(said);
    } catch (problem) {
      state.refused = problem.message;
    }
    state.busy = false;
    ctx.repaint();
  };
  ctx.open({
    title,
    view: () => html`<form @submit=${run}>
      <p>${words}</p>${extra()}${alert(state.refused)}
      <div class="buttons"><button type="button" @click=${() => ctx.close()}>Cancel</button>
      <button class=${danger ? "danger" : "primary"} ?disabled=${state.busy}>${yes}</button></div></form>`,
  });
}

/** A list that is searched and turned over by the server. `path` of /v1, `name` of the list in its answers. */
export class Listing {
  constructor(ctx, path, name, { limit = 25, filters = {}, remember = true } = {}) {
    Object.assign(this, { ctx, path, name, limit, filters });
    this.remembers = remember;
    this.search = remember ? ctx.query.get("search") ?? "" : "";
    this.offset = remember ? Number(ctx.query.get("offset")) || 0 : 0;
    this.rows = [];
    this.total = 0;
    this.busy = true;
    this.asked = 0;
  }

  async load() {
    const asked = ++this.asked;
    const query = { ...this.filters, limit: this.limit, offset: this.offset };
    if (this.search) query.search = this.search;
    const found = await this.ctx.api.get(this.path, query);
    // Answers to what was typed before may come later.
    if (asked !== this.asked) return;
    if (!found[this.name].length && this.offset && found.totalCount) return this.turn(Math.floor((found.totalCount - 1) / this.limit) * this.limit);
    Object.assign(this, { rows: found[this.name], total: found.totalCount, busy: false, storeTime: found.storeTime });
    this.ctx.well();
    this.ctx.repaint();
  }

  reload() {
    return this.load().catch((problem) => this.ctx.failed(problem));
  }

  turn(offset) {
    this.offset = offset;
    if (this.remembers) this.ctx.remember({ search: this.search, offset });
    return this.reload();
  }

  find(text) {
    this.search = text;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.turn(0), 150);
  }

  searchBox(label) {
    return searchBox({ label, value: this.search, on: (text) => this.find(text) });
  }

  pager() {
    return pager({ total: this.total, offset: this.offset, limit: this.limit, go: (offset) => this.turn(offset) });
  }
}
