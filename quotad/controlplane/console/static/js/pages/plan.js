// One usage plan: its limits, its keys, where it holds.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { Picker } from "../picker.js";
import { limit, plural } from "../format.js";
import { Listing, ago, badge, code, confirmation, copyButton, emptyState, header, table } from "../ui.js";
import { apiNames, bindEnvironment, placeOf, unbindEnvironment } from "./binding.js";
import { linkOf } from "./live.js";

const SOFT = { day: "a day", month: "a month", total: "in all" };

export class Plan {
  constructor(ctx, { plan }) {
    this.ctx = ctx;
    this.id = plan;
    this.title = "Usage plan";
    this.plan = null;
    this.names = new Map();
    this.holders = new Listing(ctx, "bindings/secrets", "bindings", { filters: { usagePlanId: plan }, limit: 20, remember: false });
  }

  async load() {
    this.plan = await this.ctx.api.get(`plans/${this.id}`);
    this.title = this.plan.usagePlanName;
    this.names = await apiNames(this.ctx, this.plan.environments.filter((each) => each.apiId).map((each) => each.serviceId));
    await this.holders.load();
  }

  reload() {
    return this.load().then(() => this.ctx.repaint()).catch((problem) => this.ctx.failed(problem));
  }

  view() {
    const { ctx, plan } = this;
    if (!plan) return header("Usage plan", { back: ["#/plans", "Usage plans"] });
    const actions = ctx.can("operate")
      ? html`<a class="button" href="#/plans/${this.id}/edit">Edit</a><button type="button" class="danger-quiet" @click=${() => this.remove()}>Delete</button>`
      : nothing;
    const sub = html`<span class="id">${code(plan.usagePlanId)}${copyButton(ctx, plan.usagePlanId, "Plan id")}</span>
      ${plan.disabled ? badge("bad", "disabled: its callers get 403") : badge("good", "in force")}`;
    return html`${header(plan.usagePlanName, { back: ["#/plans", "Usage plans"], actions, sub })}
      ${plan.usagePlanDesc ? html`<p class="lead">${plan.usagePlanDesc}</p>` : nothing}
      <section class="card" aria-label="Limits">${this.limits()}</section>
      <section aria-labelledby="keys-title"><div class="section-head"><h2 id="keys-title">Keys</h2>
        ${ctx.can("operate") ? html`<button type="button" @click=${() => this.bindKeys()}>${icons.plus()}Bind key</button>` : nothing}</div>${this.keys()}</section>
      <section aria-labelledby="places-title"><div class="section-head"><h2 id="places-title">Environments</h2>
        ${ctx.can("operate") ? html`<button type="button" @click=${() => bindEnvironment(ctx, { planId: this.id, planName: plan.usagePlanName }, () => this.reload())}>${icons.plus()}Bind environment</button>` : nothing}</div>${this.places()}</section>`;
  }

  limits() {
    const plan = this.plan;
    const burst = plan.burst === -1 ? "the same at once" : `${limit(plan.burst)} at once`;
    const item = (name, value, more = "") => html`<div><dt>${name}</dt><dd>${value}${more ? html`<small>${more}</small>` : nothing}</dd></div>`;
    const counted = plan.quotaCondition.length ? `only answers ${plan.quotaCondition.join(", ")}` : "every request";
    const failure = typeof plan.onStoreFailure === "string" ? "refuse (closed)"
      : plan.onStoreFailure.open ? `admit up to ${limit(plan.onStoreFailure.open.budget)} (open)` : `spend ${limit(plan.onStoreFailure.local.units)} held ahead (local)`;
    return html`<dl class="facts">
      ${item("Rate", plan.rateRps === -1 ? "no limit" : `${limit(plan.rateRps)} a second`, plan.rateRps === -1 ? "" : burst)}
      ${item("A day", limit(plan.dayQuotaRequest), plan.timezone)}
      ${item("A month", limit(plan.monthQuotaRequest), plan.monthAnchorDay === 1 ? "from the 1st" : `from day ${plan.monthAnchorDay}`)}
      ${item("In all", limit(plan.maxRequestNum))}
      ${item("Beyond a quota", plan.onBreach === "deny" ? "refused" : "passes", plan.onBreach === "deny" ? "" : plan.onBreach.allow ? `and is overage: ${plan.onBreach.allow.map((each) => SOFT[each]).join(", ")}` : "and is overage")}
      ${item("Counts", counted)}
      ${item("Shared by", plan.scope === "plan" ? "all its keys" : "nobody", plan.scope === "plan" ? "one quota for all callers of the plan" : "each key has a quota of its own")}
      ${item("Without the store", failure)}
      ${item("Taken ahead", plan.lease ? `up to ${limit(plan.lease.max)} for ${limit(plan.lease.ttlMs)} ms` : "nothing (strict)")}
      ${item("Changed", ago(plan.modified), plan.modifier)}</dl>`;
  }

  keys() {
    const { ctx, holders } = this;
    const rows = holders.rows.map((each) => [
      html`<a href="#/keys/${each.secretId}"><b>${each.secretName}</b></a>`,
      code(each.secretId),
      ago(each.bound),
      ctx.can("operate") ? html`<button type="button" class="quiet" aria-label="Unbind ${each.secretName}" @click=${() => this.unbindKey(each)}>Unbind</button>` : nothing,
    ]);
    const empty = emptyState("No keys are bound", "Callers with a bound key may use what this plan allows.", ctx.can("operate") ? html`<button type="button" class="primary" @click=${() => this.bindKeys()}>Bind key</button>` : nothing);
    return html`${table({ label: "Keys of this plan", busy: holders.busy, columns: [{ name: "Name" }, { name: "SecretId" }, { name: "Bound", class: "wide" }, { name: html`<span class="hidden">Actions</span>`, class: "end" }], rows, empty })}
      ${holders.total > holders.limit ? holders.pager() : nothing}`;
  }

  places() {
    const { ctx, plan } = this;
    const rows = plan.environments.map((each) => [
      html`<a href="#/services/${each.serviceId}">${code(each.serviceId)}</a>`,
      placeOf(each, this.names),
      each.shadow ? badge("", "shadow: denies nobody") : badge("good", "enforced"),
      ago(each.bound),
      plan.scope === "plan" ? html`<a href=${linkOf({ ...each, usagePlanId: plan.usagePlanId })}>Use</a>` : nothing,
      ctx.can("operate") ? html`<button type="button" class="quiet" aria-label="Unbind ${placeOf(each, this.names)} of ${each.serviceId}" @click=${() => unbindEnvironment(ctx, plan.usagePlanId, each, () => this.reload())}>Unbind</button>` : nothing,
    ]);
    const empty = emptyState("Bound nowhere", "Until an environment of a service is bound, nobody can use this plan.",
      ctx.can("operate") ? html`<button type="button" class="primary" @click=${() => bindEnvironment(ctx, { planId: this.id, planName: plan.usagePlanName }, () => this.reload())}>Bind environment</button>` : nothing);
    return table({ label: "Environments of this plan", columns: [{ name: "Service" }, { name: "Environment" }, { name: "Effect" }, { name: "Bound", class: "wide" }, { name: html`<span class="hidden">Use</span>` }, { name: html`<span class="hidden">Actions</span>`, class: "end" }], rows, empty });
  }

  bindKeys() {
    const { ctx } = this;
    const picker = new Picker(ctx, { path: "secrets", name: "secrets", label: "Keys", id: (each) => each.secretId, words: (each) => each.secretName, search: "Search names and SecretIds", many: true, bound: (each) => each.usagePlanIds.includes(this.id) });
    const form = new Form(ctx, {
      names: [],
      values: {},
      submit: async () => {
        const secretIds = picker.chosen();
        if (!secretIds.length) return void (form.refused = "Check at least one key.");
        await ctx.api.ask("POST", "bindings/secrets", { body: { usagePlanId: this.id, secretIds } });
        ctx.close();
        ctx.say(`${plural(secretIds.length, "key")} bound.`);
        await this.reload();
      },
    });
    ctx.open({ title: "Bind keys", wide: true, view: () => form.view(html`<p>Check the SecretIds to be bound. All of them are bound, or none.</p>${picker.view()}`, { yes: "Submit", cancel: () => ctx.close(), wide: true }) });
    picker.load();
  }

  unbindKey(each) {
    const { ctx } = this;
    confirmation(ctx, {
      title: "Unbind key", yes: "Unbind", words: html`${each.secretName} can no longer use ${this.plan.usagePlanName}: its calls are answered 403. What it used stays counted.`,
      act: async () => {
        await ctx.api.ask("POST", "bindings/secrets/unbind", { body: { usagePlanId: this.id, secretIds: [each.secretId] } });
        await this.reload();
        return "Key unbound.";
      },
    });
  }

  remove() {
    const { ctx, plan } = this;
    confirmation(ctx, {
      title: "Delete usage plan", yes: "Delete", words: html`<b>${plan.usagePlanName}</b> and its counters are deleted. This cannot be taken back. A plan that is still bound is not deleted.`,
      act: async () => {
        await ctx.api.ask("DELETE", `plans/${this.id}`);
        ctx.go("#/plans");
        return "Plan deleted.";
      },
    });
  }
}
