// Who did what.
import { html, nothing } from "../lit.js";
import { ago, badge, code, emptyState, header, table } from "../ui.js";

const LIMIT = 50;

export class Audit {
  title = "Audit log";

  constructor(ctx) {
    this.ctx = ctx;
    this.pages = [""];
    this.rows = [];
    this.next = null;
    this.busy = true;
  }

  async load() {
    const found = await this.ctx.api.get("audit", { limit: LIMIT, before: this.pages.at(-1) });
    Object.assign(this, { rows: found.audit, next: found.next, busy: false });
    this.ctx.repaint();
  }

  older() {
    this.pages.push(this.next);
    return this.load().catch((problem) => this.ctx.failed(problem));
  }

  newer() {
    this.pages.pop();
    return this.load().catch((problem) => this.ctx.failed(problem));
  }

  view() {
    const pager = html`<nav class="pager" aria-label="Pages"><button type="button" ?disabled=${this.pages.length === 1} @click=${() => this.newer()}>Newer</button>
      <button type="button" ?disabled=${this.next === null} @click=${() => this.older()}>Older</button></nav>`;
    return html`${header("Audit log", { sub: "Who did what, the newest first. No SecretKey is in it." })}
      <div class="bar">${pager}</div>
      ${table({
        label: "Audit log",
        busy: this.busy,
        columns: [{ name: "When" }, { name: "Who" }, { name: "What" }, { name: "To what" }, { name: "From", class: "wide" }, { name: "Details" }],
        rows: this.rows.map((each) => [
          ago(each.time),
          html`${each.who}<div class="muted small">${each.role}, ${each.means}</div>`,
          html`${each.action} ${each.event === "done" ? nothing : badge(each.event === "failed" ? "bad" : "", each.event)}${each.reason ? html`<div class="muted small">${each.reason}</div>` : nothing}`,
          code(each.target),
          each.address,
          details(each),
        ]),
        empty: emptyState("Nothing was changed yet", "Every change of services, plans, keys and use is written here, with who made it."),
      })}`;
  }
}

/** Only what differs, field by field. */
function details({ before, after, requestId }) {
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const changed = fields.filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  if (!changed.length) return requestId ? html`<span class="muted small">${requestId}</span>` : nothing;
  const shown = (value) => (value === undefined || value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  return html`<details class="inline-details"><summary>${changed.length === 1 ? changed[0] : `${changed.length} fields`}</summary>
    <dl class="changes">${changed.map((name) => html`<div><dt>${name}</dt><dd>${before ? html`<del>${shown(before[name])}</del> ` : nothing}<ins>${shown(after?.[name])}</ins></dd></div>`)}</dl></details>`;
}
