// Where a plan holds: bound to environments of services, or to single Apis there.
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { Picker } from "../picker.js";
import { code, confirmation } from "../ui.js";

const ENVIRONMENTS = [["release", "release (publish)"], ["prepub", "prepub (pre-publish)"], ["test", "test (testing)"]];
const APIS_AT_MOST = 1000;

/** The names of the Apis of these services, by `service/api`. */
export async function apiNames(ctx, serviceIds) {
  const asked = [...new Set(serviceIds)].map(async (serviceId) => {
    const { apis } = await ctx.api.get(`services/${serviceId}/apis`, { limit: APIS_AT_MOST });
    return apis.map((each) => [`${serviceId}/${each.apiId}`, each.apiName]);
  });
  return new Map((await Promise.all(asked)).flat());
}

/** How the place of a binding is called, for people. */
export const placeOf = (each, names) => (each.apiId ? `${names.get(`${each.serviceId}/${each.apiId}`) ?? each.apiId} in ${each.environment}` : each.environment);

export const apiPicker = (ctx, serviceId, more = {}) =>
  new Picker(ctx, {
    path: `services/${serviceId}/apis`, name: "apis", label: "Apis", id: (each) => each.apiId, many: true, search: "Search Apis",
    words: (each) => `${each.method} ${each.path} · ${each.apiName}`, ...more,
  });

/** From a plan (then the service is chosen), or from a service (then the plan is). `apiCount`: of that service. */
export function bindEnvironment(ctx, { planId = "", planName = "", serviceId = "", serviceName = "", environment = "release", apiCount = 0, isSingle = false }, done) {
  const dialog = new Binding(ctx, { planId, serviceId, environment, isSingle, done });
  if (serviceId && apiCount) dialog.offer(serviceId);
  ctx.open({
    title: planId ? "Bind environment" : "Bind usage plan",
    wide: true,
    view: () => dialog.view(html`<p>${planId ? html`Where <b>${planName}</b> is to hold.` : html`Which plan is to hold in <b>${serviceName}</b>.`} A key reaches one environment through one plan only.</p>`),
  });
  dialog.picker.load();
}

class Binding {
  constructor(ctx, { planId, serviceId, environment, isSingle, done }) {
    Object.assign(this, { ctx, planId, serviceId, done });
    this.apis = null;
    this.picker = planId
      ? new Picker(ctx, { path: "services", name: "services", label: "Service", id: (each) => each.serviceId, words: (each) => each.serviceName, search: "Search services", onPick: (each) => this.offer(each.apiCount ? each.serviceId : "") })
      : new Picker(ctx, { path: "plans", name: "plans", label: "Usage plan", id: (each) => each.usagePlanId, words: (each) => each.usagePlanName, search: "Search plans" });
    this.form = new Form(ctx, {
      names: ["environment", "shadow"],
      values: { environment, shadow: false, reach: isSingle ? "apis" : "whole" },
      submit: (values) => this.submit(values),
    });
  }

  /** The Apis of a service that may be chosen; an empty id: it has none. */
  offer(serviceId) {
    this.apis = serviceId ? apiPicker(this.ctx, serviceId) : null;
    this.apis?.load();
  }

  async submit(values) {
    const { ctx, form, planId, serviceId } = this;
    const [chosen] = this.picker.chosen();
    if (!chosen) return void (form.refused = `Choose a ${planId ? "service" : "usage plan"}.`);
    const body = { usagePlanIds: [planId || chosen], serviceId: serviceId || chosen, environment: values.environment };
    if (values.shadow) body.shadow = true;
    if (this.apis && values.reach === "apis") {
      body.apiIds = this.apis.chosen();
      if (!body.apiIds.length) return void (form.refused = "Check at least one Api.");
    }
    await ctx.api.ask("POST", "bindings/environments", { body });
    ctx.close();
    ctx.say("Bound.");
    return this.done();
  }

  view(head) {
    const { form, apis } = this;
    return form.view(html`${head}
      ${form.select("environment", "Effective environment", ENVIRONMENTS)}${this.picker.view()}
      ${apis ? form.radios("reach", "Holds for", [["whole", "The whole environment", "All its calls share the plan's quotas."], ["apis", "Single Apis", "Each has the plan's quotas for itself. Calls of no Api are answered 404 there."]]) : nothing}
      ${apis && form.values.reach === "apis" ? apis.view() : nothing}
      ${form.checkbox("shadow", "Shadow", { hint: "Computed and reported, denies nobody: to try a plan out." })}`, { yes: "Submit", cancel: () => this.ctx.close(), wide: true });
  }
}

export function unbindEnvironment(ctx, planId, each, done) {
  confirmation(ctx, {
    title: each.apiId ? "Unbind Api" : "Unbind environment", yes: "Unbind",
    words: html`The plan no longer holds ${each.apiId ? html`for ${code(each.apiId)} ` : nothing}in ${each.environment} of ${code(each.serviceId)}. Callers who had it there are answered 403, unless there is a default plan.`,
    act: async () => {
      const body = { usagePlanIds: [planId], serviceId: each.serviceId, environment: each.environment };
      await ctx.api.ask("POST", "bindings/environments/unbind", { body: each.apiId ? { ...body, apiIds: [each.apiId] } : body });
      await done();
      return "Unbound.";
    },
  });
}
