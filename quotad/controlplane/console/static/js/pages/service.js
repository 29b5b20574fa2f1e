// One service: its environments, and the plans that hold in each.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { Picker } from "../picker.js";
import { number } from "../format.js";
import { ago, badge, code, confirmation, copyButton, header } from "../ui.js";
import { apiNames, bindEnvironment, placeOf, unbindEnvironment } from "./binding.js";
import { ServiceApis } from "./service-apis.js";
import { askBound, bound } from "./throttle.js";

const ALSO = { release: "publish", prepub: "pre-publish", test: "testing" };
const SHOWN = 50;

export class Service {
  constructor(ctx, { service }) {
    this.ctx = ctx;
    this.id = service;
    this.title = "Service";
    this.service = null;
    this.bound = {};
    this.names = new Map();
    this.apis = new ServiceApis(ctx, service, () => this.reload());
  }

  async load() {
    const { ctx, id } = this;
    this.service = await ctx.api.get(`services/${id}`);
    this.title = this.service.serviceName;
    const asked = this.service.environments.map(async ({ environment }) => {
      const found = await ctx.api.get("bindings/environments", { serviceId: id, environment, limit: SHOWN });
      const rows = found.bindings.map(async (each) => [each, (await ctx.api.get(`plans/${each.usagePlanId}`)).usagePlanName]);
      this.bound[environment] = { rows: await Promise.all(rows), total: found.totalCount };
    });
    await Promise.all([...asked, this.apis.load()]);
    const isSingle = Object.values(this.bound).some(({ rows }) => rows.some(([row]) => row.apiId));
    this.names = await apiNames(ctx, isSingle ? [id] : []);
  }

  reload() {
    return this.load().then(() => this.ctx.repaint()).catch((problem) => this.ctx.failed(problem));
  }

  view() {
    const { ctx, service } = this;
    const back = ["#/services", "Services"];
    if (!service) return header("Service", { back });
    const actions = ctx.can("operate") ? html`<button type="button" @click=${() => this.rename()}>Edit</button><button type="button" class="danger-quiet" @click=${() => this.remove()}>Delete</button>` : nothing;
    const sub = html`<span class="id">${code(service.serviceId)}${copyButton(ctx, service.serviceId, "Service id")}</span>`;
    return html`${header(service.serviceName, { back, actions, sub })}
      ${service.serviceDesc ? html`<p class="lead">${service.serviceDesc}</p>` : nothing}
      <div class="cards">${service.environments.map((each) => this.environment(each))}</div>
      ${this.apis.view(this.whole())}`;
  }

  /** The environments where plans hold for all there is. */
  whole() {
    return Object.keys(this.bound).filter((name) => this.bound[name].rows.some(([row]) => !row.apiId));
  }

  environment(each) {
    const { ctx } = this;
    const name = each.environment;
    const bound = this.bound[name] ?? { rows: [], total: 0 };
    const can = ctx.can("operate");
    return html`<section class="card" aria-labelledby="env-${name}">
      <div class="section-head"><h2 id="env-${name}">${name} <small class="muted">${ALSO[name]}</small></h2>${each.published ? badge("good", "published") : badge("", "not published")}</div>
      <p class="muted">${each.published ? html`Released ${ago(each.released)}${each.versionName ? html`, version ${each.versionName}` : nothing}.` : "Until it is published, nobody can call it and no plan can be bound."}</p>
      ${each.published ? html`<h3>Usage plans</h3>
        ${bound.rows.length ? html`<ul class="rows">${bound.rows.map(([row, plan]) => html`<li><a href="#/plans/${row.usagePlanId}">${plan}</a>${row.apiId ? html`<span class="muted">${this.api(row)}</span>` : nothing}${row.shadow ? badge("", "shadow") : nothing}
            ${can ? html`<button type="button" class="quiet" aria-label="Unbind ${plan} from ${placeOf(row, this.names)}" @click=${() => unbindEnvironment(ctx, row.usagePlanId, row, () => this.reload())}>Unbind</button>` : nothing}</li>`)}</ul>
            ${bound.total > bound.rows.length ? html`<p class="muted">and ${number(bound.total - bound.rows.length)} more</p>` : nothing}`
          : html`<p>No plan is bound: every caller is answered 403.</p>`}
        <dl class="lines"><div><dt>Whoever has no plan</dt><dd><span>${each.defaultPlan ? html`gets <a href="#/plans/${each.defaultPlan}">${each.defaultPlan}</a>` : "is refused"}</span>
          ${can ? html`<button type="button" class="quiet" aria-label="Change the default plan of ${name}" @click=${() => this.setDefault(each)}>Change</button>` : nothing}</dd></div>
          <div><dt>All callers together</dt><dd><span>${each.throttle ? bound(each.throttle) : "no bound"}</span>
          ${can ? html`<button type="button" class="quiet" aria-label="Change the bound on all callers of ${name}" @click=${() => this.setThrottle(each)}>Change</button>` : nothing}</dd></div></dl>` : nothing}
      ${can ? html`<div class="row">${each.published
        ? html`<button type="button" @click=${() => bindEnvironment(ctx, this.target(name), () => this.reload())}>${icons.plus()}Bind<span class="hidden"> a plan in ${name}</span></button>
          <button type="button" class="danger-quiet" @click=${() => this.unpublish(name)}>Unpublish<span class="hidden"> ${name}</span></button>`
        : html`<button type="button" class="primary" @click=${() => this.act(`services/${this.id}/environments/${name}/publish`, `${name} published.`)}>Publish<span class="hidden"> ${name}</span></button>`}</div>` : nothing}
    </section>`;
  }

  api(row) {
    return this.names.get(`${this.id}/${row.apiId}`) ?? row.apiId;
  }

  /** What the dialog that binds is to know. */
  target(environment) {
    const { serviceName, apiCount } = this.service;
    return { serviceId: this.id, serviceName, environment, apiCount, isSingle: this.names.size > 0 };
  }

  async act(path, said) {
    try {
      await this.ctx.api.ask("POST", path);
      this.ctx.say(said);
    } catch (problem) {
      this.ctx.say(problem.message);
    }
    await this.reload();
  }

  unpublish(name) {
    confirmation(this.ctx, {
      title: `Unpublish ${name}`, yes: "Unpublish", words: `Calls to ${name} are answered 404 from now on.`,
      act: async () => {
        await this.ctx.api.ask("POST", `services/${this.id}/environments/${name}/unpublish`);
        await this.reload();
        return `${name} unpublished.`;
      },
    });
  }

  rename() {
    const { ctx, service } = this;
    const form = new Form(ctx, {
      names: ["serviceName", "serviceDesc"],
      values: { serviceName: service.serviceName, serviceDesc: service.serviceDesc },
      submit: async (values) => {
        await ctx.api.ask("PATCH", `services/${this.id}`, { body: { ...values } });
        ctx.close();
        await this.reload();
      },
    });
    ctx.open({ title: "Edit service", view: () => form.view(html`${form.text("serviceName", "Service name")}${form.text("serviceDesc", "Description")}`, { yes: "Save", cancel: () => ctx.close() }) });
  }

  remove() {
    const { ctx, service } = this;
    confirmation(ctx, {
      title: "Delete service", yes: "Delete", words: html`<b>${service.serviceName}</b> is deleted. A service that is published anywhere is not.`,
      act: async () => {
        await ctx.api.ask("DELETE", `services/${this.id}`);
        ctx.go("#/services");
        return "Service deleted.";
      },
    });
  }

  setDefault(each) {
    const { ctx } = this;
    const path = `services/${this.id}/environments/${each.environment}/default-plan`;
    const picker = new Picker(ctx, { path: "plans", name: "plans", label: "Default plan", id: (plan) => plan.usagePlanId, words: (plan) => plan.usagePlanName, search: "Search plans" });
    if (each.defaultPlan) picker.pick(each.defaultPlan, true);
    const form = new Form(ctx, {
      names: [],
      values: {},
      submit: async () => {
        const [chosen] = picker.chosen();
        if (chosen) await ctx.api.ask("PUT", path, { body: { usagePlanId: chosen } });
        else if (each.defaultPlan) await ctx.api.ask("DELETE", path);
        ctx.close();
        await this.reload();
      },
    });
    ctx.open({
      title: `Default plan of ${each.environment}`, wide: true,
      view: () => form.view(html`<p>Callers whose key has no plan here get this one.</p>${picker.view()}
        ${picker.chosen().length ? html`<p><button type="button" class="quiet" @click=${() => picker.clear()}>None: refuse them</button></p>` : nothing}`, { yes: "Save", cancel: () => ctx.close(), wide: true }),
    });
    picker.load();
  }

  setThrottle({ environment, throttle }) {
    askBound(this.ctx, {
      title: `All callers of ${environment} together`,
      places: [[environment, throttle]],
      path: (name) => `services/${this.id}/environments/${name}/throttle`,
      done: () => this.reload(),
    });
  }
}
