// The single Apis of a service: what they are, and plans that go from whole environments to them.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { plural } from "../format.js";
import { Listing, code, confirmation, copyButton, emptyState, table } from "../ui.js";
import { askBound, bound } from "./throttle.js";

const METHODS = ["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export class ServiceApis {
  /** `changed`: what is shown beside them may be another. */
  constructor(ctx, serviceId, changed) {
    Object.assign(this, { ctx, serviceId, changed });
    this.list = new Listing(ctx, `services/${serviceId}/apis`, "apis", { limit: 20, remember: false });
  }

  load() {
    return this.list.load();
  }

  /** `whole`: the environments where plans hold for all there is. */
  view(whole) {
    const { ctx, list } = this;
    const can = ctx.can("operate");
    const add = can ? html`<button type="button" @click=${() => this.edit(null)}>${icons.plus()}Add Api</button>` : nothing;
    const demote = can && list.total && whole.length ? html`<button type="button" @click=${() => this.demote(whole)}>Demote plans</button>` : nothing;
    const rows = list.rows.map((each) => [
      html`<b>${each.apiName}</b>`, each.method, code(each.path), html`<span class="id">${code(each.apiId)}${copyButton(ctx, each.apiId, "Api id")}</span>`,
      each.environments.filter(({ throttle }) => throttle).map(({ environment, throttle }) => html`<div class="small">${environment}: ${bound(throttle)}</div>`),
      can ? html`<button type="button" class="quiet" aria-label="Edit ${each.apiName}" @click=${() => this.edit(each)}>Edit</button>
        <button type="button" class="quiet" aria-label="Bound on all callers of ${each.apiName}" @click=${() => this.bound(each)}>Bound</button>
        <button type="button" class="quiet" aria-label="Delete ${each.apiName}" @click=${() => this.remove(each)}>Delete</button>` : nothing,
    ]);
    const empty = list.search ? emptyState("No Api is like that", "Search looks into names, ids and paths.")
      : emptyState("No single Apis", "Plans hold for whole environments. Add an Api, a method and a path, to give one operation limits of its own.", add);
    return html`<section aria-labelledby="apis-title"><div class="section-head"><h2 id="apis-title">Apis</h2><div class="row">${demote}${add}</div></div>
      ${list.total > list.limit || list.search ? html`<div class="bar">${list.searchBox("Search Apis")}${list.pager()}</div>` : nothing}
      ${table({ label: "Apis", busy: list.busy, rows, empty, columns: [{ name: "Name" }, { name: "Method" }, { name: "Path" }, { name: "Id", class: "wide" }, { name: "All callers", class: "wide" }, { name: html`<span class="hidden">Actions</span>`, class: "end" }] })}</section>`;
  }

  /** A new one, or another name, method or path of one that there is. */
  edit(api) {
    const { ctx, serviceId } = this;
    const path = `services/${serviceId}/apis`;
    const form = new Form(ctx, {
      names: ["apiName", "method", "path", "apiId"],
      values: { apiName: api?.apiName ?? "", method: api?.method ?? "ANY", path: api?.path ?? "", apiId: "" },
      submit: async (values, key) => {
        const body = { apiName: values.apiName, method: values.method, path: values.path };
        if (values.apiId) body.apiId = values.apiId;
        if (api) await ctx.api.ask("PATCH", `${path}/${api.apiId}`, { body });
        else await ctx.api.ask("POST", path, { body, key });
        ctx.close();
        ctx.say(api ? "Api changed." : "Api added.");
        await this.changed();
      },
    });
    ctx.open({
      title: api ? "Edit Api" : "Add Api",
      view: () => form.view(
        html`${form.text("apiName", "Api name", { required: true })}${form.select("method", "Method", METHODS.map((each) => [each, each === "ANY" ? "any" : each]))}
          ${form.text("path", "Path", { mono: true, required: true, placeholder: "/orders/{id}", hint: "As the backend is asked for it. {name} stands for one segment, a last /* for whatever follows." })}
          ${api ? nothing : form.text("apiId", "Id (optional)", { mono: true, hint: "Empty: quotad makes one." })}`,
        { yes: api ? "Save" : "Submit", cancel: () => ctx.close() },
      ),
    });
  }

  /** On all who call it in one environment together. */
  bound(api) {
    askBound(this.ctx, {
      title: `All callers of ${api.apiName} together`,
      places: api.environments.map(({ environment, throttle }) => [environment, throttle]),
      path: (environment) => `services/${this.serviceId}/apis/${api.apiId}/environments/${environment}/throttle`,
      done: () => this.changed(),
    });
  }

  remove(api) {
    confirmation(this.ctx, {
      title: "Delete Api", yes: "Delete", words: html`<b>${api.apiName}</b> is deleted. One that a plan is bound to is not: unbind it first.`,
      act: async () => {
        await this.ctx.api.ask("DELETE", `services/${this.serviceId}/apis/${api.apiId}`);
        await this.changed();
        return "Api deleted.";
      },
    });
  }

  demote(whole) {
    const { ctx, serviceId } = this;
    const form = new Form(ctx, {
      names: ["environment"],
      values: { environment: "" },
      submit: async (values) => {
        const body = values.environment ? { serviceId, environment: values.environment } : { serviceId };
        const { usagePlanIds } = await ctx.api.ask("POST", "bindings/environments/demote", { body });
        ctx.close();
        ctx.say(`${plural(usagePlanIds.length, "plan")} bound to each Api.`);
        await this.changed();
      },
    });
    ctx.open({
      title: "Demote plans to single Apis",
      view: () => form.view(
        html`<p>Plans that hold for whole environments are bound to each Api there instead. Each Api has the plan's quotas for itself from then on, beginning with none used; calls of no Api are answered 404.</p>
          ${form.select("environment", "Where", [["", "in every environment"], ...whole.map((each) => [each, `only in ${each}`])], { hint: "A service has plans of whole environments or of single Apis, not both." })}`,
        { yes: "Demote", danger: true, cancel: () => ctx.close() },
      ),
    });
  }
}
