// All usage plans.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { limit } from "../format.js";
import { Listing, ago, badge, code, emptyState, header, table } from "../ui.js";

export class Plans {
  title = "Usage plans";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new Listing(ctx, "plans", "plans");
  }

  load() {
    return this.list.load();
  }

  view() {
    const { ctx, list } = this;
    const make = ctx.can("operate") ? html`<a class="button primary" href="#/plans/new">${icons.plus()}Create plan</a>` : nothing;
    const found = list.search
      ? emptyState("No plan is like that", "Search looks into names and ids.")
      : emptyState("No usage plans yet", "A plan is a set of limits: requests a second, a day, a month, in all. Create one, then bind keys and environments to it.", make);
    return html`${header("Usage plans", { sub: "What callers may use, and of what.", actions: make })}
      <div class="bar">${list.searchBox("Search names and ids")}${list.pager()}</div>
      ${table({
        label: "Usage plans",
        busy: list.busy,
        columns: [{ name: "Plan" }, { name: "Id", class: "wide" }, { name: "Rate", class: "num" }, { name: "A day", class: "num" }, { name: "A month", class: "num" }, { name: "In all", class: "num" }, { name: "Keys", class: "num" }, { name: "Bound in", class: "num" }, { name: "Changed", class: "wide" }],
        rows: list.rows.map((each) => [
          html`<a href="#/plans/${each.usagePlanId}"><b>${each.usagePlanName}</b></a> ${each.disabled ? badge("bad", "disabled") : nothing}`,
          code(each.usagePlanId),
          each.rateRps === -1 ? none : `${limit(each.rateRps)}/s`,
          quota(each.dayQuotaRequest),
          quota(each.monthQuotaRequest),
          quota(each.maxRequestNum),
          each.secretCount || none,
          each.environments.length || none,
          ago(each.modified),
        ]),
        empty: found,
      })}`;
  }
}

const none = html`<span class="muted">–</span>`;
const quota = (value) => (value === -1 ? none : limit(value));
