// Who is refused, and by which limit; and why one request was.
import "../chart.js";
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { number } from "../format.js";
import { Listing, ago, badge, code, emptyState, header, table } from "../ui.js";
import { chartCard, minuteData, words } from "./subject.js";

const EVERY_MS = 5000;

export class Refusals {
  title = "Refusals";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new Listing(ctx, "refusals", "refusals");
    this.minutes = [];
    this.story = null;
    this.form = new Form(ctx, { names: ["requestId"], values: { requestId: "" }, submit: (values) => this.ask(values.requestId.trim()) });
  }

  load() {
    return this.ctx.every(EVERY_MS, async () => {
      this.minutes = (await this.ctx.api.get("activity")).minutes;
      await this.list.load();
    });
  }

  async ask(requestId) {
    this.story = null;
    this.story = await this.ctx.api.get("explain", { requestId });
  }

  view() {
    const { list, form, story } = this;
    return html`${header("Refusals", { sub: "Of the last hour, in the whole fleet; callers that proved who they are." })}
      ${chartCard("Last hour", "Requests a minute", this.minutes.length ? minuteData(this.minutes) : { labels: [] })}
      <section aria-labelledby="who"><div class="section-head"><h2 id="who">Who, and by which limit</h2>${list.pager()}</div>
      ${table({
        label: "Who is refused",
        busy: list.busy,
        columns: [{ name: "Key" }, { name: "Limit" }, { name: "Plan" }, { name: "Service" }, { name: "Times", class: "num" }, { name: "Last", class: "wide" }],
        rows: list.rows.map((each) => [
          html`<a href="#/keys/${each.secretId}"><b>${each.secretName || each.secretId}</b></a>`,
          badge("bad", words(each.limit)),
          each.usagePlanId ? html`<a href="#/plans/${each.usagePlanId}">${each.usagePlanName || each.usagePlanId}</a>` : html`<span class="muted">none</span>`,
          html`${each.serviceName || each.serviceId}<div class="muted small">${each.environment}</div>`,
          number(each.count),
          ago(each.lastMinute),
        ]),
        empty: emptyState("Nobody was refused", "Callers that a plan's limits, a throttle or the store refuse are listed here within seconds."),
      })}</section>
      <section class="card" aria-labelledby="why"><h2 id="why">Why was this request refused?</h2>
        ${form.view(form.text("requestId", "Request id", { mono: true, hint: "From the X-Request-Id header of the answer. Only the quotad that refused it knows, while it runs." }), { yes: "Explain" })}
        ${story ? html`<dl class="facts">${facts(story)}</dl>` : nothing}</section>`;
  }
}

const facts = (story) =>
  [["Because", story.detail], ["Limit", words(story.limit)], ["At", ago(story.at)], ["Request", `${story.method} ${story.path}`], ["Key", story.secretId && html`<a href="#/keys/${story.secretId}">${code(story.secretId)}</a>`], ["Api", story.apiId && code(story.apiId)], ["Plan", story.usagePlanId && html`<a href="#/plans/${story.usagePlanId}">${story.usagePlanName || story.usagePlanId}</a>`], ["Comes back", story.comesBackAt && ago(story.comesBackAt)]]
    .filter(([, value]) => value)
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
