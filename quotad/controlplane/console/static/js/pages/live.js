// What is in use now, of every plan in every environment.
import { html, nothing } from "../lit.js";
import { limit } from "../format.js";
import { Listing, ago, badge, emptyState, header, meter, table } from "../ui.js";

const EVERY_MS = 2000;

export class Live {
  title = "Live use";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new Listing(ctx, "usage", "usage", { limit: 25 });
  }

  load() {
    return this.ctx.every(EVERY_MS, () => this.list.load());
  }

  view() {
    const { ctx, list } = this;
    return html`${header("Live use", { sub: html`<span>What is in use now, in the whole fleet${list.storeTime ? html`, as of ${ago(list.storeTime)}` : nothing}.</span>` })}
      <div class="bar">${list.searchBox("Search plans and services")}${list.pager()}</div>
      ${table({
        label: "Live use",
        busy: list.busy,
        columns: [{ name: "Plan" }, { name: "Service" }, { name: "Rate", class: "num wide" }, { name: "Day", class: "meters" }, { name: "Month", class: "meters" }, { name: "In all", class: "meters" }],
        rows: list.rows.map((each) => row(each)),
        empty: this.empty(),
      })}`;
  }

  empty() {
    if (this.list.search) return emptyState("Nothing is like that", "Search looks into names and ids of plans and services.");
    const start = this.ctx.isFile ? nothing : html`<p><a class="button" href="#/keys">1. Create a key</a> <a class="button" href="#/plans/new">2. Create a plan</a> <a class="button" href="#/services">3. Bind it in a service</a></p>`;
    return emptyState("Nothing is bound yet", "Use is shown here as soon as a usage plan is bound to keys and to an environment of a service.", start);
  }
}

export function linkOf({ usagePlanId, serviceId, environment, secretId, apiId, shadow }) {
  const query = new URLSearchParams({ ...(apiId && { api: apiId }), ...(shadow && { shadow: "true" }) }).toString();
  return `#/live/${[usagePlanId, serviceId, environment, ...(secretId ? [secretId] : [])].join("/")}${query && `?${query}`}`;
}

function row(each) {
  const api = each.apiId ? each.apiName || each.apiId : "";
  const whose = [each.usagePlanName, "in", each.serviceName, each.environment, api].filter(Boolean).join(" ");
  const window = (name, found) => meter({ name: `${name}, ${whose}`, used: found.inUse, held: found.held, max: found.max, endsAt: found.endsAt });
  return [
    html`<a href=${linkOf(each)}><b>${each.usagePlanName}</b></a>${each.shadow ? badge("", "shadow") : nothing}${each.secretId ? html`<div class="muted small">${each.secretName || each.secretId}</div>` : nothing}`,
    html`${each.serviceName || each.serviceId}<div class="muted small">${each.environment}${api ? ` · ${api}` : nothing}</div>`,
    each.rate.rateRps === -1 ? html`<span class="muted">–</span>` : `${limit(each.rate.rateRps)}/s`,
    window("Day", each.windows.day),
    window("Month", each.windows.month),
    window("In all", each.windows.total),
  ];
}
