// All services.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { Listing, ago, badge, code, emptyState, header, table } from "../ui.js";

export class Services {
  title = "Services";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new Listing(ctx, "services", "services");
  }

  load() {
    return this.list.load();
  }

  view() {
    const { ctx, list } = this;
    const make = ctx.can("operate") ? html`<button type="button" class="primary" @click=${() => newService(ctx)}>${icons.plus()}Create service</button>` : nothing;
    const empty = list.search ? emptyState("No service is like that", "Search looks into names and ids.")
      : emptyState("No services yet", "A service is a backend that callers reach through quotad. Create one, publish an environment, and name it in a route of the sidecar's file.", make);
    return html`${header("Services", { sub: "What callers call, and which plans hold there.", actions: make })}
      <div class="bar">${list.searchBox("Search names and ids")}${list.pager()}</div>
      ${table({
        label: "Services",
        busy: list.busy,
        columns: [{ name: "Service" }, { name: "Id" }, { name: "Published" }, { name: "Created", class: "wide" }],
        rows: list.rows.map((each) => [
          html`<a href="#/services/${each.serviceId}"><b>${each.serviceName}</b></a>`,
          code(each.serviceId),
          published(each),
          ago(each.created),
        ]),
        empty,
      })}`;
  }
}

const published = (service) => {
  const found = service.environments.filter((each) => each.published);
  return found.length ? html`<span class="badges">${found.map((each) => badge("good", each.environment))}</span>` : html`<span class="muted">nowhere</span>`;
};

function newService(ctx) {
  const form = new Form(ctx, {
    names: ["serviceName", "serviceDesc", "serviceId"],
    values: { serviceName: "", serviceDesc: "", serviceId: "" },
    submit: async (values, key) => {
      const body = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
      const made = await ctx.api.ask("POST", "services", { body: { serviceName: values.serviceName, ...body }, key });
      ctx.close();
      ctx.go(`#/services/${made.serviceId}`);
    },
  });
  ctx.open({
    title: "Create service",
    view: () => form.view(html`${form.text("serviceName", "Service name", { required: true })}${form.text("serviceDesc", "Description")}
      ${form.text("serviceId", "Id (optional)", { mono: true, hint: "Empty: quotad makes one. A route of the sidecar's file names a service by id or name." })}`, { yes: "Submit", cancel: () => ctx.close() }),
  });
}
