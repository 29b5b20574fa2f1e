// Making a usage plan, or giving it other limits.
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { typedNumber } from "../format.js";
import { header } from "../ui.js";

const NAMES = [
  "usagePlanId", "usagePlanName", "usagePlanDesc", "rateRps", "burst", "dayQuotaRequest", "monthQuotaRequest", "maxRequestNum",
  "quotaCondition", "onBreach", "scope", "timezone", "monthAnchorDay", "startsOn", "firstPeriodOffset", "lease", "onStoreFailure", "onCrash", "disabled",
];
const NUMBERS = ["rateRps", "burst", "dayQuotaRequest", "monthQuotaRequest", "maxRequestNum", "monthAnchorDay", "firstPeriodOffset"];
const CLASSES = ["2xx", "3xx", "4xx", "5xx", "others"];
const SOFT = [["day", "dayIsSoft", "a day"], ["month", "monthIsSoft", "a month"], ["total", "totalIsSoft", "in all"]];
const SECTIONS = { lease: ["leaseMax", "leaseTtlMs"], onStoreFailure: ["failure", "failureUnits"], quotaCondition: CLASSES };

const FRESH = {
  usagePlanId: "", usagePlanName: "", usagePlanDesc: "", rateRps: "", burst: "", dayQuotaRequest: "", monthQuotaRequest: "", maxRequestNum: "",
  counts: "all", onBreach: "deny", scope: "plan", timezone: "UTC", monthAnchorDay: "1", startsOn: "", firstPeriodOffset: "", leaseMax: "", leaseTtlMs: "",
  failure: "closed", failureUnits: "", onCrash: "charge", disabled: false,
};

export class PlanEdit {
  constructor(ctx, { plan = "" }) {
    this.ctx = ctx;
    this.id = plan;
    this.title = plan ? "Edit usage plan" : "Create usage plan";
    this.isStale = false;
    this.form = new Form(ctx, { names: [...NAMES, ...Object.values(SECTIONS).flat()], values: { ...FRESH }, submit: (values, key) => this.save(values, key) });
  }

  async load() {
    if (!this.id) return;
    const [plan, tag] = await this.ctx.api.tagged(`plans/${this.id}`);
    this.plan = plan;
    this.tag = tag;
    this.found = typed(plan);
    this.form.values = { ...this.found };
    this.before = body(this.found);
  }

  async save(values, key) {
    const { ctx } = this;
    const given = body(values);
    if (!this.id) {
      if (values.usagePlanId) given.usagePlanId = values.usagePlanId;
      for (const [name, value] of Object.entries(given)) if (value === null) delete given[name];
      const made = await ctx.api.ask("POST", "plans", { body: given, key });
      ctx.go(`#/plans/${made.usagePlanId}`);
      ctx.say("Plan created. Next: bind keys and environments.");
      return;
    }
    const changed = Object.fromEntries(Object.entries(given).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(this.before[name])));
    try {
      if (Object.keys(changed).length) await ctx.api.ask("PATCH", `plans/${this.id}`, { body: changed, tag: this.tag });
    } catch (problem) {
      this.isStale = problem.status === 412;
      throw problem;
    }
    ctx.go(`#/plans/${this.id}`);
    ctx.say("Plan changed. Every sidecar knows within a second.");
  }

  /** Somebody else changed it meanwhile: ours goes on top of theirs, or theirs is shown. */
  async rebase(keepsOurs) {
    const ours = Object.entries(this.form.values).filter(([name, value]) => value !== this.found[name]);
    await this.load();
    if (keepsOurs) Object.assign(this.form.values, Object.fromEntries(ours));
    this.form.refused = "";
    this.isStale = false;
    this.ctx.repaint();
    if (keepsOurs) await this.form.run(new Event("submit"));
  }

  view() {
    const { form, id } = this;
    const back = id ? [`#/plans/${id}`, this.plan?.usagePlanName ?? "Usage plan"] : ["#/plans", "Usage plans"];
    if (id && !this.plan) return header(this.title, { back });
    const unlimited = "Empty: no limit. 0: nothing is allowed.";
    const number = (name, label, hint = unlimited) => form.text(name, label, { numeric: true, hint, placeholder: hint === unlimited ? "no limit" : "" });
    const content = html`
      <fieldset class="card"><legend>What it is</legend>
        ${form.text("usagePlanName", "Plan name", { required: true, hint: "1 to 50 characters." })}
        ${form.text("usagePlanDesc", "Description")}
        ${id ? nothing : form.text("usagePlanId", "Id (optional)", { mono: true, hint: "Empty: quotad makes one." })}
        ${form.checkbox("disabled", "Disabled", { hint: "Its callers get 403." })}</fieldset>
      <fieldset class="card"><legend>Limits</legend><div class="grid">
        ${number("rateRps", "Requests a second")}
        ${number("burst", "At once (burst)", "Empty: as many as a second.")}
        ${number("dayQuotaRequest", "Requests a day")}
        ${number("monthQuotaRequest", "Requests a month")}
        ${number("maxRequestNum", "Requests in all", "Ever. Empty: no limit.")}
        ${form.select("onBreach", "Beyond a quota", [["deny", "refuse (429)"], ["allow", "let pass, count as overage"], ["some", "let pass beyond some of them"]], { hint: "The rate always refuses." })}</div>
        ${form.values.onBreach === "some" ? html`<div class="field"><div class="row" role="group" aria-label="Quotas that let pass">${SOFT.map(([, name, label]) => form.checkbox(name, `Requests ${label}`))}</div></div>` : nothing}</fieldset>
      <fieldset class="card"><legend>Whose and which requests</legend>
        ${form.radios("scope", "Quota is", [["plan", "Shared", "All keys of the plan use up one quota together: customers of one plan eat one quota."], ["secret", "Each key's own", "Every key has the whole quota to itself."]])}
        ${form.radios("counts", "Counted are", [["all", "All requests", ""], ["some", "Only some answers", "The quotas, never the rate, count only answers of these classes."]])}
        ${form.values.counts === "some" ? html`<div class="field"><div class="row" role="group" aria-label="Answers that count">${CLASSES.map((each) => form.checkbox(each, each))}</div>
          ${form.errors.quotaCondition ? html`<p class="error">${form.errors.quotaCondition}</p>` : nothing}</div>` : nothing}</fieldset>
      <details class="card" ?open=${this.hasMore()}><summary>Windows, failures, leases</summary><div class="grid">
        ${form.text("timezone", "Time zone", { hint: "In which days and months begin, like Europe/Berlin." })}
        ${form.text("monthAnchorDay", "Month begins on day", { numeric: true, hint: "1 to 31; the last day where a month is shorter." })}
        ${form.text("startsOn", "First day", { type: "date", hint: "For a smaller first month." })}
        ${form.text("firstPeriodOffset", "First month smaller by", { numeric: true })}
        ${form.select("failure", "When the store does not answer", [["closed", "refuse (closed)"], ["local", "spend what is held ahead (local)"], ["open", "admit some uncounted (open)"]])}
        ${form.values.failure === "closed" ? nothing : form.text("failureUnits", form.values.failure === "open" ? "How many, each process and outage" : "How many are held ahead", { numeric: true })}
        ${form.select("onCrash", "What a dead process held in flight", [["charge", "is charged"], ["release", "is given back"]])}
        ${form.text("leaseMax", "Units taken ahead (lease)", { numeric: true, hint: "Empty: none, each request is decided by the store." })}
        ${form.values.leaseMax ? form.text("leaseTtlMs", "For how many milliseconds", { numeric: true, hint: "Empty: as usual." }) : nothing}</div></details>
      ${this.isStale ? html`<p class="notice">Somebody changed this plan since you opened it.
        <button type="button" @click=${() => this.rebase(false)}>Show theirs</button> <button type="button" @click=${() => this.rebase(true)}>Save mine on top</button></p>` : nothing}`;
    return html`${header(id ? `Edit ${this.plan.usagePlanName}` : this.title, { back, sub: id ? "What was used stays used, whatever the new limits." : nothing })}
      ${form.view(content, { yes: id ? "Save" : "Submit", cancel: () => this.ctx.go(back[0]), wide: true })}`;
  }

  hasMore() {
    const { errors, values } = this.form;
    const names = ["timezone", "monthAnchorDay", "startsOn", "firstPeriodOffset", "failure", "failureUnits", "onCrash", "leaseMax", "leaseTtlMs", "lease", "onStoreFailure"];
    return names.some((name) => errors[name] || (values[name] ?? "") !== (FRESH[name] ?? ""));
  }
}

/** What is typed for a plan that there is. */
function typed(plan) {
  const shown = (value) => (value === -1 || value === null ? "" : String(value));
  const failure = plan.onStoreFailure;
  const soft = plan.onBreach.allow;
  return {
    ...FRESH,
    ...Object.fromEntries(SOFT.map(([window, name]) => [name, Boolean(soft?.includes(window))])), onBreach: soft ? "some" : plan.onBreach,
    ...Object.fromEntries(CLASSES.map((each) => [each, plan.quotaCondition.includes(each)])),
    usagePlanName: plan.usagePlanName, usagePlanDesc: plan.usagePlanDesc, disabled: plan.disabled, scope: plan.scope,
    rateRps: shown(plan.rateRps), burst: shown(plan.burst), dayQuotaRequest: shown(plan.dayQuotaRequest),
    monthQuotaRequest: shown(plan.monthQuotaRequest), maxRequestNum: shown(plan.maxRequestNum),
    counts: plan.quotaCondition.length ? "some" : "all", timezone: plan.timezone, monthAnchorDay: String(plan.monthAnchorDay),
    startsOn: plan.startsOn ?? "", firstPeriodOffset: plan.startsOn ? String(plan.firstPeriodOffset) : "",
    leaseMax: plan.lease ? String(plan.lease.max) : "", leaseTtlMs: plan.lease ? String(plan.lease.ttlMs) : "",
    failure: typeof failure === "string" ? failure : Object.keys(failure)[0],
    failureUnits: typeof failure === "string" ? "" : String(Object.values(Object.values(failure)[0])[0]),
    onCrash: plan.onCrash,
  };
}

/** A request's body of what is typed; null: back to what it is when nothing is said. */
function body(values) {
  const given = {
    usagePlanName: values.usagePlanName, usagePlanDesc: values.usagePlanDesc, scope: values.scope, timezone: values.timezone,
    onCrash: values.onCrash, disabled: values.disabled, startsOn: values.startsOn || null,
  };
  for (const name of NUMBERS) given[name] = String(values[name]).trim() === "" ? null : typedNumber(values[name]);
  given.quotaCondition = values.counts === "some" ? CLASSES.filter((each) => values[each]) : null;
  given.onBreach = values.onBreach === "some" ? { allow: SOFT.filter(([, name]) => values[name]).map(([window]) => window) } : values.onBreach;
  const units = typedNumber(values.failureUnits);
  given.onStoreFailure = { closed: "closed", open: { open: { budget: units } }, local: { local: { units } } }[values.failure];
  given.lease = values.leaseMax.trim() === "" ? null : { max: typedNumber(values.leaseMax), ...(values.leaseTtlMs.trim() && { ttlMs: typedNumber(values.leaseTtlMs) }) };
  return given;
}
