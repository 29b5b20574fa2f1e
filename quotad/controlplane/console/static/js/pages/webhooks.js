// Who is told when use crosses a part of a quota.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { plural, typedNumber } from "../format.js";
import { Picker } from "../picker.js";
import { badge, code, emptyState, header, shownOnce, table } from "../ui.js";

export const WINDOWS = [["day", "Day", "day's"], ["month", "Month", "month's"], ["total", "In all", "total"]];
const NAMES = ["name", "url", "allowHttp", "thresholds", "windows", "forecast", "usagePlanIds", "enabled"];

export class Webhooks {
  title = "Webhooks";

  constructor(ctx) {
    this.ctx = ctx;
    this.rows = [];
    this.busy = true;
  }

  reload() {
    return this.load().catch((problem) => this.ctx.failed(problem));
  }

  async load() {
    this.rows = (await this.ctx.api.get("webhooks")).webhooks;
    this.busy = false;
    this.ctx.repaint();
  }

  view() {
    const { ctx } = this;
    const make = ctx.can("admin") ? html`<button type="button" class="primary" @click=${() => create(ctx, () => this.reload())}>${icons.plus()}Create webhook</button>` : nothing;
    return html`${header("Webhooks", { sub: "Signed requests that tell your own systems when use crosses a part of a quota.", actions: make })}
      ${table({
        label: "Webhooks",
        busy: this.busy,
        columns: [{ name: "Name" }, { name: "Receiver" }, { name: "Status" }, { name: "Tells at" }, { name: "Of", class: "wide" }, { name: "Plans", class: "wide" }],
        rows: this.rows.map((each) => [
          html`<a href="#/webhooks/${each.webhookId}"><b>${each.name}</b></a>`,
          code(each.url),
          status(each),
          percents(each),
          windows(each),
          each.usagePlanIds ? plural(each.usagePlanIds.length, "plan") : "all plans",
        ]),
        empty: this.empty(make),
      })}`;
  }

  empty(make) {
    if (this.ctx.isFile) return emptyState("No webhooks", "In file mode webhooks stand in the configuration file.");
    return emptyState("Nobody is told yet", "Create a webhook with the address of a receiver: it gets a signed request each time use of a plan, or of a key with a quota of its own, crosses 50, 80 and 100 % of a quota, or parts that you choose.", make);
  }
}

export function status(webhook) {
  if (webhook.disabledReason === "gone") return badge("bad", "disabled: the receiver said it is gone");
  return webhook.enabled ? badge("good", "enabled") : badge("", "disabled");
}

export const percents = (webhook) => `${webhook.thresholds.join(", ")} %${webhook.forecast ? " and forecast" : ""}`;

export const windows = (webhook) => WINDOWS.filter(([name]) => webhook.windows.includes(name)).map(([, words]) => words.toLowerCase()).join(", ");

function create(ctx, done) {
  const values = { name: "", url: "", allowHttp: false, thresholds: "50, 80, 100", day: true, month: true, total: true, forecast: false, reach: "all" };
  const form = new WebhookForm(ctx, values, [], async (body, key) => {
    const made = await ctx.api.ask("POST", "webhooks", { body, key });
    ctx.close();
    showSigningKey(ctx, made, "Webhook created", html`<a class="button" href="#/webhooks/${made.webhookId}" @click=${() => ctx.close()}>Open this webhook</a>`);
    await done();
  });
  form.open("Create webhook", "Submit");
}

/** Another name, receiver, or what it is told; `tag`: of the record as it was read. */
export function edit(ctx, webhook, tag, done) {
  const values = {
    name: webhook.name, url: webhook.url, allowHttp: webhook.allowHttp, thresholds: webhook.thresholds.join(", "), forecast: webhook.forecast,
    enabled: webhook.enabled, reach: webhook.usagePlanIds ? "named" : "all",
    ...Object.fromEntries(WINDOWS.map(([name]) => [name, webhook.windows.includes(name)])),
  };
  const form = new WebhookForm(ctx, values, webhook.usagePlanIds ?? [], async (body) => {
    await ctx.api.ask("PATCH", `webhooks/${webhook.webhookId}`, { body, tag });
    ctx.close();
    ctx.say("Webhook changed.");
    await done();
  });
  form.open(`Edit ${webhook.name}`, "Save");
}

/** The only times that a signing key is shown. */
export function showSigningKey(ctx, made, title, more = nothing) {
  shownOnce(ctx, { title, more, words: "Keep the signing key now: it is not shown again. The receiver checks with it that a request is quotad's.", lines: [["Signing key", made.signingKey]] });
}

class WebhookForm {
  /** `send(body, key)` does it; `planIds`: those that are chosen already. */
  constructor(ctx, values, planIds, send) {
    this.ctx = ctx;
    this.form = new Form(ctx, { names: NAMES, values, submit: (given, key) => send(this.body(given), key) });
    this.plans = new Picker(ctx, { path: "plans", name: "plans", label: "Usage plans", id: (each) => each.usagePlanId, words: (each) => each.usagePlanName, search: "Search plans", many: true });
    for (const planId of planIds) this.plans.picked.add(planId);
  }

  open(title, yes) {
    const { ctx, form } = this;
    ctx.open({ title, wide: true, view: () => form.view(this.fields(), { yes, cancel: () => ctx.close(), wide: true }) });
    this.plans.load();
  }

  body(values) {
    const body = {
      name: values.name, url: values.url, allowHttp: values.allowHttp, forecast: values.forecast,
      thresholds: values.thresholds.split(/[\s,;%]+/).filter(Boolean).map(typedNumber),
      windows: WINDOWS.map(([name]) => name).filter((name) => values[name]),
      usagePlanIds: values.reach === "all" ? null : this.plans.chosen(),
    };
    return "enabled" in values ? { ...body, enabled: values.enabled } : body;
  }

  fields() {
    const { form } = this;
    const error = (name) => (form.errors[name] ? html`<p class="error">${form.errors[name]}</p>` : nothing);
    return html`${form.text("name", "Name", { required: true })}
      ${form.text("url", "Receiver", { type: "url", mono: true, required: true, hint: "An https address. Redirects are not followed." })}
      ${form.checkbox("allowHttp", "Plain http too", { hint: "Only where nobody else can read and change what is sent." })}
      ${form.text("thresholds", "Told at (percent of a quota)", { mono: true, hint: "1 to 100, at most eight." })}
      <div class="field"><div class="row" role="group" aria-label="Quotas">${WINDOWS.map(([name, , words]) => form.checkbox(name, `the ${words} quota`))}</div>${error("windows")}</div>
      ${form.checkbox("forecast", "Forecast", { hint: "Told once, also when a quota is likely to end before its window does." })}
      ${form.radios("reach", "Of", [["all", "All plans", "Also of those to come."], ["named", "Some plans", ""]])}
      ${form.values.reach === "named" ? this.plans.view() : nothing}${error("usagePlanIds")}
      ${"enabled" in form.values ? form.checkbox("enabled", "Enabled", { hint: "Off: nothing is sent, and what crosses meanwhile is not told later." }) : nothing}`;
  }
}
