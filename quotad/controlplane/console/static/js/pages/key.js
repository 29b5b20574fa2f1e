// One caller: what it may call, what it has used, why it is refused.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { Picker } from "../picker.js";
import { plural, typedNumber } from "../format.js";
import { ago, alert, badge, code, confirmation, copyButton, emptyState, header, meter } from "../ui.js";
import { showKey, status } from "./keys.js";
import { changeUse } from "./subject.js";
import { linkOf } from "./live.js";

const EVERY_MS = 3000;
const PLACES = 20;

export class Key {
  constructor(ctx, { key }) {
    this.ctx = ctx;
    this.id = key;
    this.title = "Key";
    this.secret = null;
    this.plans = [];
    this.places = [];
  }

  async load() {
    await this.read();
    await this.ctx.every(EVERY_MS, () => this.explain());
  }

  async read() {
    const { ctx, id } = this;
    this.secret = await ctx.api.get(`secrets/${id}`);
    this.title = this.secret.secretName;
    const bound = await ctx.api.get("bindings/secrets", { secretId: id, limit: PLACES });
    this.plans = await Promise.all(bound.bindings.map((each) => ctx.api.get(`plans/${each.usagePlanId}`)));
    const places = new Map(this.plans.flatMap((plan) => plan.environments).map((each) => [[each.serviceId, each.environment, each.apiId].filter(Boolean).join("/"), each]));
    const known = new Map(this.places.map((each) => [each.name, each]));
    this.total = places.size;
    this.places = [...places].slice(0, PLACES).map(([name, each]) => known.get(name) ?? { name, serviceId: each.serviceId, environment: each.environment, apiId: each.apiId ?? "", found: null });
    ctx.repaint();
  }

  async explain() {
    await Promise.all(this.places.map(async (each) => {
      each.found = await this.ctx.api.get("explain", { secretId: this.id, serviceId: each.serviceId, environment: each.environment, apiId: each.apiId });
    }));
    this.ctx.well();
    this.ctx.repaint();
  }

  async reload() {
    await this.read().then(() => this.explain()).catch((problem) => this.ctx.failed(problem));
  }

  view() {
    const { ctx, secret } = this;
    const back = ["#/keys", "Keys"];
    if (!secret) return header("Key", { back });
    const sub = html`<span class="id">${code(secret.secretId)}${copyButton(ctx, secret.secretId, "SecretId")}</span> ${status(secret)}
      <span class="muted">${secret.type === "auto" ? "auto-generated" : "custom"}, created ${ago(secret.created)}${secret.expiresAt ? html`, expires ${ago(secret.expiresAt)}` : nothing}${secret.hasSecondaryKey ? ", has a second key" : nothing}</span>`;
    return html`${header(secret.secretName, { back, sub, actions: this.actions() })}
      ${secret.secretDesc ? html`<p class="lead">${secret.secretDesc}</p>` : nothing}
      ${secret.secondaryPreviousUntil && new Date(secret.secondaryPreviousUntil) > new Date() ? html`<p class="notice">Rotated: the second key before is good until ${ago(secret.secondaryPreviousUntil)}.</p>` : nothing}
      ${secret.previousUntil && new Date(secret.previousUntil) > new Date() ? html`<p class="notice">Rotated: the SecretKey before is good until ${ago(secret.previousUntil)}.</p>` : nothing}
      <section aria-labelledby="plans-title"><div class="section-head"><h2 id="plans-title">Usage plans</h2>
        ${ctx.can("operate") ? html`<button type="button" @click=${() => this.bind()}>${icons.plus()}Bind plan</button>` : nothing}</div>
        ${this.plans.length ? html`<ul class="rows">${this.plans.map((plan) => html`<li><a href="#/plans/${plan.usagePlanId}"><b>${plan.usagePlanName}</b></a><span class="muted">${plural(plan.environments.length, "environment")}</span>
          ${ctx.can("operate") ? html`<button type="button" class="quiet" aria-label="Unbind ${plan.usagePlanName}" @click=${() => this.unbind(plan)}>Unbind</button>` : nothing}</li>`)}</ul>`
          : emptyState("No plan is bound", "Without a usage plan this caller is answered 403 everywhere but where a default plan holds.")}</section>
      <section aria-labelledby="calls-title"><div class="section-head"><h2 id="calls-title">What it would meet now</h2></div>
        ${this.places.length ? html`<div class="cards">${this.places.map((each) => this.place(each))}</div>` : html`<p class="muted">None of its plans is bound to an environment.</p>`}
        ${this.total > PLACES ? html`<p class="muted">and ${plural(this.total - PLACES, "more environment")}</p>` : nothing}</section>`;
  }

  actions() {
    const { ctx, secret } = this;
    const button = (words, act, kind = "") => html`<button type="button" class=${kind} @click=${act}>${words}</button>`;
    return html`${ctx.can("operate") ? html`${button("Rename", () => this.rename())}
        ${secret.enabled ? button("Disable", () => this.disable()) : button("Enable", () => this.switch("enable", "Key enabled."))}` : nothing}
      ${ctx.can("admin") ? html`${button("Rotate", () => this.rotate())}${button("Show SecretKey", () => this.reveal())}
        ${secret.hasSecondaryKey ? button("Drop second key", () => this.dropSecond()) : nothing}` : nothing}
      ${ctx.can("operate") ? button("Delete", () => this.remove(), "danger-quiet") : nothing}`;
  }

  place(each) {
    const { ctx } = this;
    const found = each.found;
    const plan = found?.plan;
    const row = plan && { ...plan, serviceId: each.serviceId, environment: each.environment };
    const api = each.apiId ? plan?.apiName || each.apiId : "";
    return html`<section class="card" aria-label=${each.name.replaceAll("/", " ")}>
      <div class="section-head"><h3>${plan?.serviceName ? html`<a href="#/services/${each.serviceId}">${plan.serviceName}</a>` : code(each.serviceId)} <small class="muted">${each.environment}${api ? ` · ${api}` : nothing}</small></h3>
        ${found ? (found.admitted ? badge("good", "admitted") : badge("bad", found.limit === "none" ? "refused" : `refused: ${found.limit}`)) : nothing}</div>
      ${found && !found.admitted ? html`<p>${found.detail}${found.comesBackAt ? html` Comes back ${ago(found.comesBackAt)}.` : nothing}</p>` : nothing}
      ${plan ? html`<p class="muted small">By <a href="#/plans/${plan.usagePlanId}">${plan.usagePlanName}</a>${found.byDefault ? ", the default plan" : ""}${plan.scope === "plan" ? ": shared with its other keys" : ""}.</p>
        ${[["day", "Day"], ["month", "Month"], ["total", "In all"]].map(([name, words]) => html`<div class="line-meter"><span>${words}</span>${meter({ name: `${words}, ${each.name}`, used: plan.windows[name].inUse, held: plan.windows[name].held, max: plan.windows[name].max, endsAt: plan.windows[name].endsAt })}</div>`)}
        <div class="row"><a class="button" href=${linkOf(row)}>History<span class="hidden"> of ${each.name}</span></a>
        ${ctx.has("operate") ? html`<button type="button" @click=${() => topUp(ctx, row, () => this.reload())}>Top up<span class="hidden"> ${each.name}</span></button>
          <button type="button" class="danger-quiet" @click=${() => reset(ctx, row, () => this.reload())}>Reset<span class="hidden"> ${each.name}</span></button>` : nothing}</div>` : nothing}
    </section>`;
  }

  bind() {
    const { ctx } = this;
    const picker = new Picker(ctx, { path: "plans", name: "plans", label: "Usage plan", id: (each) => each.usagePlanId, words: (each) => each.usagePlanName, search: "Search plans", bound: (each) => this.secret.usagePlanIds.includes(each.usagePlanId) });
    const form = new Form(ctx, {
      names: [],
      values: {},
      submit: async () => {
        const [chosen] = picker.chosen();
        if (!chosen) return void (form.refused = "Choose a usage plan.");
        await ctx.api.ask("POST", "bindings/secrets", { body: { usagePlanId: chosen, secretIds: [this.id] } });
        ctx.close();
        ctx.say("Plan bound.");
        await this.reload();
      },
    });
    ctx.open({ title: "Bind plan", wide: true, view: () => form.view(picker.view(), { yes: "Submit", cancel: () => ctx.close(), wide: true }) });
    picker.load();
  }

  unbind(plan) {
    confirmation(this.ctx, {
      title: "Unbind plan", yes: "Unbind", words: html`${this.secret.secretName} can no longer use ${plan.usagePlanName}.`,
      act: async () => {
        await this.ctx.api.ask("POST", "bindings/secrets/unbind", { body: { usagePlanId: plan.usagePlanId, secretIds: [this.id] } });
        await this.reload();
        return "Plan unbound.";
      },
    });
  }

  async switch(verb, said) {
    try {
      await this.ctx.api.ask("POST", `secrets/${this.id}/${verb}`);
      this.ctx.say(said);
    } catch (problem) {
      this.ctx.say(problem.message);
    }
    await this.reload();
  }

  disable() {
    confirmation(this.ctx, {
      title: "Disable key", yes: "Disable", words: "Its calls are refused like those of an unknown key, within a second.",
      act: async () => {
        await this.ctx.api.ask("POST", `secrets/${this.id}/disable`);
        await this.reload();
        return "Key disabled.";
      },
    });
  }

  remove() {
    const { ctx, secret } = this;
    confirmation(ctx, {
      title: "Delete key", yes: "Delete", words: html`<b>${secret.secretName}</b> and its counters are deleted. Only a key that is disabled and bound to no plan is.`,
      act: async () => {
        await ctx.api.ask("DELETE", `secrets/${this.id}`);
        ctx.go("#/keys");
        return "Key deleted.";
      },
    });
  }

  rename() {
    const { ctx } = this;
    const form = new Form(ctx, {
      names: ["secretName"],
      values: { secretName: this.secret.secretName },
      submit: async (values) => {
        await ctx.api.ask("PATCH", `secrets/${this.id}`, { body: { secretName: values.secretName } });
        ctx.close();
        await this.reload();
      },
    });
    ctx.open({ title: "Rename key", view: () => form.view(form.text("secretName", "Secret name"), { yes: "Save", cancel: () => ctx.close() }) });
  }

  rotate() {
    const { ctx } = this;
    const form = new Form(ctx, {
      names: ["which", "overlapSeconds", "secretKey"],
      values: { which: "primary", overlapSeconds: "3600" },
      submit: async (values, key) => {
        const made = await ctx.api.ask("POST", `secrets/${this.id}/rotate`, { body: { which: values.which, overlapSeconds: typedNumber(values.overlapSeconds) }, key });
        ctx.close();
        showKey(ctx, made, "New SecretKey");
        await this.reload();
      },
    });
    ctx.open({
      title: "Rotate SecretKey",
      view: () => form.view(html`<p>The caller gets a new SecretKey. The old one stays good for a while, so that nothing breaks meanwhile.</p>
        ${form.select("which", "Which key", [["primary", "the SecretKey"], ["secondary", this.secret.hasSecondaryKey ? "the second key" : "a second key, beside the first for good"]])}
        ${form.select("overlapSeconds", "Old one stays good for", [["0", "no longer"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "7 days"]])}`, { yes: "Rotate", cancel: () => ctx.close() }),
    });
  }

  dropSecond() {
    confirmation(this.ctx, {
      title: "Drop second key", yes: "Drop", words: "From now on only the SecretKey is good.",
      act: async () => {
        await this.ctx.api.ask("DELETE", `secrets/${this.id}/secondary-key`);
        await this.reload();
        return "Second key dropped.";
      },
    });
  }

  reveal() {
    const { ctx } = this;
    confirmation(ctx, {
      title: "Show SecretKey", yes: "Show", danger: false, words: "The audit log says that you looked.",
      act: async () => {
        const found = await ctx.api.ask("POST", `secrets/${this.id}/reveal`);
        setTimeout(() => showKey(ctx, found, "SecretKey"));
      },
    });
  }
}

function reset(ctx, row, done) {
  changeUse(ctx, {
    row, title: "Reset use", yes: "Reset", danger: true, names: ["windows", "reason"], values: { window: "day", reason: "" },
    view: (form) => html`${row.scope === "plan" ? html`<p>All keys of ${row.usagePlanName} share this use: it goes to 0 for all of them.</p>` : html`<p>Only this key's use goes to 0.</p>`}
      ${form.select("window", "Which use", [["day", "this day's"], ["month", "this month's"], ["total", "all that ever was"]])}${alert(form.errors.windows)}`,
    body: (values) => ({ windows: [values.window] }), path: "usage/reset", said: "Use is reset.", done,
  });
}

function topUp(ctx, row, done) {
  const limited = [["day", "Day"], ["month", "Month"], ["total", "In all"]].filter(([name]) => row.windows[name].max !== -1);
  if (!limited.length) return ctx.say("This plan has no quota that could be raised.");
  return changeUse(ctx, {
    row, title: "Top up", yes: "Top up", danger: false, names: ["window", "amount", "until", "reason"], values: { window: limited[0][0], amount: "", reason: "" },
    view: (form) => html`${row.scope === "plan" ? html`<p>All keys of ${row.usagePlanName} share this limit: it is raised for all of them.</p>` : nothing}
      ${form.select("window", "Which limit", limited)}${form.text("amount", "By how many requests", { numeric: true })}
      <p class="muted small">${form.values.window === "total" ? "For good." : "Until the window ends."}</p>`,
    body: (values) => ({ window: values.window, amount: typedNumber(values.amount), until: values.window === "total" ? "never" : "windowEnd" }),
    path: "usage/top-up", said: "The limit is raised.", done,
  });
}
