// One webhook: what it is told, and what became of each delivery.
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { at, number, plural, typedNumber } from "../format.js";
import { ago, badge, code, confirmation, copyButton, emptyState, header, table } from "../ui.js";
import { WINDOWS, edit, percents, showSigningKey, status, windows } from "./webhooks.js";

const EVERY_MS = 3000;
const LIMIT = 25;
const STATES = [["", "all"], ["pending", "pending"], ["delivered", "delivered"], ["failed", "given up"]];
const BADGES = { pending: ["warn", "pending"], delivered: ["good", "delivered"], failed: ["bad", "given up"] };

export class Webhook {
  constructor(ctx, { webhook }) {
    this.ctx = ctx;
    this.path = `webhooks/${webhook}`;
    this.title = "Webhook";
    this.webhook = null;
    this.names = new Map();
    this.state = "";
    this.pages = [""];
    this.rows = [];
    this.next = null;
    this.busy = true;
  }

  async load() {
    await this.read();
    await this.ctx.every(EVERY_MS, () => this.look());
  }

  async read() {
    const { ctx } = this;
    [this.webhook, this.tag] = await ctx.api.tagged(this.path);
    this.title = this.webhook.name;
    const named = (this.webhook.usagePlanIds ?? []).filter((planId) => !this.names.has(planId));
    // A plan may have been deleted since: then its id stands there.
    const found = await Promise.all(named.map((planId) => ctx.api.get(`plans/${planId}`).catch(() => null)));
    for (const plan of found) if (plan) this.names.set(plan.usagePlanId, plan.usagePlanName);
    ctx.repaint();
  }

  async look() {
    const before = this.pages.at(-1);
    const asked = [before, this.state].join();
    const found = await this.ctx.api.get(`${this.path}/deliveries`, { limit: LIMIT, before, state: this.state });
    if (asked !== [this.pages.at(-1), this.state].join()) return;
    Object.assign(this, { rows: found.deliveries, next: found.next, pending: found.pending, busy: false });
    this.ctx.well();
    this.ctx.repaint();
  }

  again() {
    return this.look().catch((problem) => this.ctx.failed(problem));
  }

  reload() {
    return this.read().then(() => this.look()).catch((problem) => this.ctx.failed(problem));
  }

  view() {
    const { ctx, webhook } = this;
    const back = ["#/webhooks", "Webhooks"];
    if (!webhook) return header("Webhook", { back });
    const sub = html`<span class="id">${code(webhook.webhookId)}${copyButton(ctx, webhook.webhookId, "Webhook id")}</span> ${status(webhook)}`;
    const item = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`${header(webhook.name, { back, sub, actions: this.actions() })}
      ${webhook.previousUntil && new Date(webhook.previousUntil) > new Date() ? html`<p class="notice">Rotated: requests carry the signature of the key before too, until ${at(webhook.previousUntil)}.</p>` : nothing}
      <section class="card" aria-label="What it is told"><dl class="facts">
        ${item("Receiver", html`<code class="wrapped">${webhook.url}</code>`)}${item("Told at", percents(webhook))}${item("Of the quotas", windows(webhook))}
        ${item("Plans", webhook.usagePlanIds ? html`<span class="badges">${webhook.usagePlanIds.map((planId) => html`<a href="#/plans/${planId}">${this.names.get(planId) ?? planId}</a>`)}</span>` : "all")}
        ${item("Changed", ago(webhook.modified))}</dl></section>
      ${this.deliveries()}`;
  }

  actions() {
    const { ctx, webhook } = this;
    const button = (words, act, kind = "") => html`<button type="button" class=${kind} @click=${act}>${words}</button>`;
    return html`${ctx.has("operate") && webhook.enabled ? button("Send test", () => this.test()) : nothing}
      ${ctx.can("admin") ? html`${button("Edit", () => this.edit())}${button("Rotate key", () => this.rotate())}${button("Delete", () => this.remove(), "danger-quiet")}` : nothing}`;
  }

  deliveries() {
    const { ctx } = this;
    const pager = html`<nav class="pager" aria-label="Pages"><span>${this.pending ? `${number(this.pending)} on their way` : nothing}</span>
      <button type="button" ?disabled=${this.pages.length === 1} @click=${() => this.turn(this.pages.slice(0, -1))}>Newer</button>
      <button type="button" ?disabled=${this.next === null} @click=${() => this.turn([...this.pages, this.next])}>Older</button></nav>`;
    const rows = this.rows.map((each) => [
      ago(each.created), subject(each), html`${badge(...BADGES[each.state])}${each.nextAttempt ? html`<div class="muted small">next try ${ago(each.nextAttempt)}</div>` : nothing}`, attempts(each),
      ctx.has("operate") && this.webhook.enabled ? html`<button type="button" class="quiet" aria-label="Redeliver ${each.deliveryId}" @click=${() => this.redeliver(each)}>Redeliver</button>` : nothing,
    ]);
    const empty = this.state ? emptyState("No delivery is like that", "Choose another state.")
      : emptyState("Nothing was sent yet", "Send a test to see whether the receiver answers. It is told by itself when use crosses a threshold.");
    return html`<section aria-labelledby="deliveries"><div class="section-head"><h2 id="deliveries">Deliveries</h2>
        <label class="inline">State <select @change=${(event) => this.filter(event.target.value)}>${STATES.map(([value, words]) => html`<option value=${value} ?selected=${this.state === value}>${words}</option>`)}</select></label>${pager}</div>
      ${table({ label: "Deliveries", busy: this.busy, rows, empty, columns: [{ name: "When" }, { name: "What" }, { name: "State" }, { name: "Attempts" }, { name: html`<span class="hidden">Actions</span>`, class: "end" }] })}</section>`;
  }

  turn(pages) {
    this.pages = pages;
    return this.again();
  }

  filter(state) {
    Object.assign(this, { state, busy: true });
    return this.turn([""]);
  }

  async test() {
    await this.send(`${this.path}/test`, "A test is sent.");
    await this.turn([""]);
  }

  async redeliver(each) {
    await this.send(`${this.path}/deliveries/${each.deliveryId}/redeliver`, "It is sent once more.");
    await this.again();
  }

  async send(path, said) {
    try {
      await this.ctx.api.ask("POST", path);
      this.ctx.say(said);
    } catch (problem) {
      this.ctx.say(problem.message);
    }
  }

  async edit() {
    await this.reload();
    edit(this.ctx, this.webhook, this.tag, () => this.reload());
  }

  rotate() {
    const { ctx } = this;
    const form = new Form(ctx, {
      names: ["overlapSeconds", "signingKey"],
      values: { overlapSeconds: "86400" },
      submit: async (values, key) => {
        const made = await ctx.api.ask("POST", `${this.path}/rotate`, { body: { overlapSeconds: typedNumber(values.overlapSeconds) }, key });
        ctx.close();
        showSigningKey(ctx, made, "New signing key");
        await this.reload();
      },
    });
    ctx.open({
      title: "Rotate signing key",
      view: () => form.view(html`<p>Requests carry the signatures of both keys for a while, so that the receiver may change over without losing one.</p>
        ${form.select("overlapSeconds", "Both for", [["0", "no longer"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "7 days"]])}`, { yes: "Rotate", cancel: () => ctx.close() }),
    });
  }

  remove() {
    const { ctx, webhook } = this;
    confirmation(ctx, {
      title: "Delete webhook", yes: "Delete", words: html`<b>${webhook.name}</b> is told nothing any more, and what is on its way is dropped.`,
      act: async () => {
        await ctx.api.ask("DELETE", this.path);
        ctx.go("#/webhooks");
        return "Webhook deleted.";
      },
    });
  }
}

/** What an event says, in words. */
function subject({ type, payload, deliveryId }) {
  const data = payload.data ?? {};
  const id = html`<div class="muted small">${code(deliveryId)}</div>`;
  if (type === "webhook.ping") return html`Test${id}`;
  const quota = WINDOWS.find(([name]) => name === data.window)?.[2] ?? data.window;
  const words = type === "quota.forecast" ? `the ${quota} quota is likely to end before its window` : `${data.threshold} % of the ${quota} quota`;
  const whose = [data.usagePlanName || data.usagePlanId, "in", data.serviceName || data.serviceId, data.environment, data.apiName || data.apiId, data.secretName || data.secretId];
  return html`<b>${words}</b><div>${whose.filter(Boolean).join(" ")}: ${number(data.inUse)} of ${number(data.limit)}</div>${id}`;
}

function attempts({ attemptCount, attempts: tried }) {
  if (!attemptCount) return html`<span class="muted">none yet</span>`;
  const words = (each) => each.error || (each.status ? `answered ${each.status}` : "no answer");
  return html`<details class="inline-details"><summary>${plural(attemptCount, "attempt")}, last: ${words(tried.at(-1))}</summary>
    <dl class="changes">${tried.map((each) => html`<div><dt>${at(each.at)}</dt><dd>${words(each)}, after ${number(each.durationMs)} ms</dd></div>`)}</dl></details>`;
}
