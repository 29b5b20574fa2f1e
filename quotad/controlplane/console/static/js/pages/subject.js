// Use of one plan in one environment, or of one key there: limits, charts, reset and top-up.
import "../chart.js";
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { limit, number, typedNumber } from "../format.js";
import { ago, badge, code, emptyState, header, meter, table } from "../ui.js";

const EVERY_MS = 2000;
const MINUTES_EVERY_MS = 10_000;
const HISTORY_EVERY_MS = 60_000;
const WINDOWS = [["day", "Day"], ["month", "Month"], ["total", "In all"]];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const REFUSED = { rate: "rate", day: "day", month: "month", total: "in all" };

export class Subject {
  constructor(ctx, { plan, service, environment, secret = "" }) {
    this.ctx = ctx;
    this.title = "Use";
    this.place = { usagePlanId: plan, serviceId: service, environment };
    this.api = ctx.query.get("api") ?? "";
    this.secret = secret;
    this.shadow = ctx.query.get("shadow") === "true";
    this.row = null;
    this.days = [];
    this.hours = [];
    this.minutes = [];
    this.shares = [];
  }

  async load() {
    const { ctx } = this;
    await ctx.every(EVERY_MS, () => this.now());
    if (!this.row) return;
    this.title = this.row.usagePlanName;
    ctx.every(HISTORY_EVERY_MS, () => this.past());
    if (!this.shadow && !this.secret) ctx.every(MINUTES_EVERY_MS, () => this.lastHour());
  }

  /** What the questions about these very counters have in common. */
  asked() {
    return { ...this.place, apiId: this.api, secretId: this.secret, shadow: this.shadow ? "true" : "", limit: 1 };
  }

  async now() {
    const found = await this.ctx.api.get("usage", this.asked());
    this.row = found.usage[0] ?? null;
    this.isKnown = true;
    this.ctx.well();
    this.ctx.repaint();
  }

  async past() {
    const query = this.asked();
    const from = new Date(Date.now() - 399 * 86_400_000).toISOString().slice(0, 10);
    const [days, hours] = await Promise.all([
      this.ctx.api.get("usage/history", { ...query, unit: "day", from }),
      this.ctx.api.get("usage/history", { ...query, unit: "hour", from: new Date(Date.now() - 47 * 3_600_000).toISOString().replace(/\.\d+/, "") }),
    ]);
    this.days = days.usage[0]?.history ?? [];
    this.hours = hours.usage[0]?.history ?? [];
    if (!this.secret && !this.shadow) {
      // Refused where use by key is not kept (store.secretUsage).
      const shares = await this.ctx.api.get("usage", { ...this.asked(), bySecret: "true" }).catch(() => null);
      this.shares = shares?.usage[0]?.bySecret ?? [];
    }
    this.ctx.repaint();
  }

  async lastHour() {
    const found = await this.ctx.api.get("activity", { ...this.place });
    this.minutes = found.minutes;
    this.ctx.repaint();
  }

  view() {
    const { ctx, row, place } = this;
    const back = ["#/live", "Live use"];
    if (!row) return html`${header("Use", { back })}${this.isKnown ? emptyState("Nothing is counted here", "This plan is not bound there, or no longer.") : nothing}`;
    const actions = ctx.has("operate") ? html`<button type="button" @click=${() => this.topUp()}>Top up</button><button type="button" class="danger-quiet" @click=${() => this.reset()}>Reset</button>` : nothing;
    const sub = html`<a href="#/services/${place.serviceId}">${row.serviceName || place.serviceId}</a> · ${place.environment}
      ${row.apiId ? html` · <b>${row.apiName || row.apiId}</b>` : nothing}
      ${row.secretId ? html` · <a href="#/keys/${row.secretId}">${row.secretName || row.secretId}</a>` : nothing} ${this.shadow ? badge("", "shadow") : nothing}`;
    return html`${header(html`<a class="plain" href="#/plans/${row.usagePlanId}">${row.usagePlanName}</a>`, { back, actions, sub })}
      <section class="card tiles" aria-label="In use now">
        ${WINDOWS.map(([name, words]) => html`<div><h2>${words}</h2>${meter({ name: words, used: row.windows[name].inUse, held: row.windows[name].held, max: row.windows[name].max, endsAt: row.windows[name].endsAt })}
          <p class="muted small">${left(row.windows[name])}</p></div>`)}
        <div><h2>Rate</h2><div class="figures"><b>${row.rate.rateRps === -1 ? "no limit" : `${limit(row.rate.rateRps)}/s`}</b></div>
          <p class="muted small">${row.rate.rateRps === -1 ? nothing : html`${limit(row.rate.burst)} at once. `}${number(row.held)} in flight, ${number(row.leased)} taken ahead.</p></div>
      </section>
      ${this.minutes.length ? chartCard("Last hour", this.api ? "Requests a minute, of all Apis of the plan here" : "Requests a minute", minuteData(this.minutes)) : nothing}
      ${chartCard("Last 48 hours", "Used an hour", hourData(this.hours))}
      ${chartCard("This month", "Used a day", dayData(this.days, row.windows.day.max))}
      ${chartCard("Months", "Used a month", monthData(this.days, row.windows.month.max))}
      ${this.shares.length ? html`<section aria-labelledby="shares"><h2 id="shares">Today by key</h2>${table({
        label: "Today by key", columns: [{ name: "Key" }, { name: "SecretId" }, { name: "Used", class: "num" }], empty: nothing,
        rows: this.shares.map((each) => [html`<a href="#/keys/${each.secretId}">${each.secretName || each.secretId}</a>`, code(each.secretId), number(each.day)]),
      })}</section>` : nothing}`;
  }

  reset() {
    const { ctx, row } = this;
    changeUse(ctx, {
      row, title: "Reset use", yes: "Reset", danger: true, values: { day: row.windows.day.inUse > 0, month: false, total: false, reason: "" },
      names: ["windows", "reason"],
      view: (form) => html`<p>Use goes to 0 at once, in every process. Requests in flight and the history stay. The audit log says who did it and why.</p>
        <div class="field"><div class="row" role="group" aria-label="Windows">${WINDOWS.map(([name, words]) => form.checkbox(name, `${words} (${number(row.windows[name].inUse)})`))}</div>
        ${form.errors.windows ? html`<p class="error">${form.errors.windows}</p>` : nothing}</div>`,
      body: (values) => ({ windows: WINDOWS.map(([name]) => name).filter((name) => values[name]) }),
      path: "usage/reset", said: "Use is reset.", done: () => this.now(),
    });
  }

  topUp() {
    const { ctx, row } = this;
    const limited = WINDOWS.filter(([name]) => row.windows[name].max !== -1);
    if (!limited.length) return ctx.say("This plan has no quota that could be raised.");
    return changeUse(ctx, {
      row, title: "Top up", yes: "Top up", danger: false, values: { window: limited[0][0], amount: "", until: "windowEnd", reason: "" },
      names: ["window", "amount", "until", "reason"],
      view: (form) => html`${form.select("window", "Which limit", limited.map(([name, words]) => [name, `${words} (${limit(row.windows[name].max)})`]))}
        ${form.text("amount", "By how many requests", { numeric: true })}
        ${form.select("until", "Until", form.values.window === "total" ? [["never", "for good"]] : [["windowEnd", "the window ends"], ["never", "for good"]])}`,
      body: (values) => ({ window: values.window, amount: typedNumber(values.amount), until: values.window === "total" ? "never" : values.until }),
      path: "usage/top-up", said: "The limit is raised.", done: () => this.now(),
    });
  }
}

/** A reset or a top-up of a row of use: with a reason, done once. */
export function changeUse(ctx, { row, title, yes, danger, values, names, view, body, path, said, done }) {
  const form = new Form(ctx, {
    names,
    values,
    submit: async (given, key) => {
      const whose = { usagePlanId: row.usagePlanId, serviceId: row.serviceId, environment: row.environment };
      if (row.apiId) whose.apiId = row.apiId;
      if (row.secretId) whose.secretId = row.secretId;
      if (row.shadow) whose.shadow = true;
      await ctx.api.ask("POST", path, { body: { ...whose, ...body(given), reason: given.reason }, key });
      ctx.close();
      ctx.say(said);
      await done();
    },
  });
  ctx.open({ title, view: () => form.view(html`${view(form)}${form.text("reason", "Reason", { required: true, hint: "For the audit log." })}`, { yes, danger, cancel: () => ctx.close() }) });
}

const left = (window) => {
  const when = window.endsAt ? html` Starts again ${ago(window.endsAt)}.` : nothing;
  if (window.max === -1) return html`Counted, not limited.${when}`;
  if (window.overage) return html`<b>${number(window.overage)} beyond it</b>, let pass.${when}`;
  return html`${number(window.left)} left${window.held ? `, ${number(window.held)} in flight` : ""}.${when}`;
};

export function chartCard(title, what, data) {
  if (!data.labels.length) return html`<section class="card chart"><h2>${title} <small class="muted">${what}</small></h2><div class="chart-room"></div></section>`;
  const sums = data.series.map((each) => html`<span class="key"><i class=${each.colour}></i>${each.name} ${number(each.values.reduce((sum, value) => sum + value, 0))}</span>`);
  return html`<section class="card chart"><h2>${title} <small class="muted">${what}</small><span class="legend">${sums}</span></h2>
    <quotad-chart class="chart-room" .data=${{ ...data, title: `${title}, ${what}` }}></quotad-chart>
    <details class="inline-details"><summary>As a table<span class="hidden">: ${title}</span></summary><div class="scroll short" role="region" tabindex="0" aria-label="${title}, as a table"><table>
      <thead><tr><th scope="col">When</th>${data.series.map((each) => html`<th scope="col" class="num">${each.name}</th>`)}</tr></thead>
      <tbody>${data.labels.map((label, at) => html`<tr><td>${data.ticks(label, true)}</td>${data.series.map((each) => html`<td class="num">${number(each.values[at])}</td>`)}</tr>`)}</tbody></table></div></details></section>`;
}

/** A limit, or another reason, as it is said. */
export const words = (limit) => REFUSED[limit] ?? limit.replaceAll("_", " ");

const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Admitted, and refused by which limit. */
export function minuteData(minutes) {
  const reasons = [...new Set(minutes.flatMap((each) => each.denied.map(({ limit }) => limit)))].toSorted();
  const denied = (each, reason) => each.denied.find(({ limit }) => limit === reason)?.count ?? 0;
  const colours = ["danger", "warn", "violet", "muted"];
  return {
    labels: minutes.map((each) => each.minute),
    ticks: clock,
    series: [
      { name: "admitted", colour: "accent", values: minutes.map((each) => each.admitted) },
      ...reasons.map((reason, at) => ({ name: `refused: ${words(reason)}`, colour: colours[Math.min(at, 3)], values: minutes.map((each) => denied(each, reason)) })),
    ],
  };
}

const hourData = (hours) => ({
  labels: hours.map((each) => each.hour),
  ticks: (iso, whole) => (whole ? `${new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock(iso)}` : clock(iso)),
  series: [{ name: "used", colour: "accent", values: hours.map((each) => each.used) }],
});

function dayData(days, max) {
  const month = days.at(-1)?.day.slice(0, 7);
  const shown = days.filter((each) => each.day.startsWith(month));
  return {
    labels: shown.map((each) => each.day), limit: max,
    ticks: (day, whole) => (whole ? `${Number(day.slice(8))} ${MONTHS[day.slice(5, 7) - 1]}` : String(Number(day.slice(8)))),
    series: [{ name: "used", colour: "accent", values: shown.map((each) => each.used) }],
  };
}

function monthData(days, max) {
  const sums = new Map();
  for (const { day, used } of days) sums.set(day.slice(0, 7), (sums.get(day.slice(0, 7)) ?? 0) + used);
  // The oldest is cut where days are no longer kept.
  const shown = [...sums].slice(-13);
  return {
    labels: shown.map(([month]) => month), limit: max,
    ticks: (month) => `${MONTHS[month.slice(5) - 1]} ${month.slice(2, 4)}`,
    series: [{ name: "used", colour: "accent", values: shown.map(([, used]) => used) }],
  };
}
