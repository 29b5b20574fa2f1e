// All key pairs, and making one.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { zoned } from "../format.js";
import { Listing, ago, badge, code, copyButton, emptyState, header, shownOnce, table } from "../ui.js";

export class Keys {
  title = "Keys";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new Listing(ctx, "secrets", "secrets", { filters: { enabled: ctx.query.get("enabled") ?? "" } });
  }

  load() {
    return this.list.load();
  }

  filter(enabled) {
    this.list.filters.enabled = enabled;
    this.ctx.remember({ enabled });
    this.list.turn(0);
  }

  view() {
    const { ctx, list } = this;
    const make = ctx.can("admin") ? html`<button type="button" class="primary" @click=${() => newKey(ctx, () => list.reload())}>${icons.plus()}Create key</button>` : nothing;
    return html`${header("Keys", { sub: "Key pairs that callers prove themselves with.", actions: make })}
      <div class="bar">${list.searchBox("Search names and SecretIds")}
        <label class="inline">Status <select @change=${(event) => this.filter(event.target.value)}>
          ${[["", "all"], ["true", "enabled"], ["false", "disabled"]].map(([value, words]) => html`<option value=${value} ?selected=${list.filters.enabled === value}>${words}</option>`)}</select></label>
        ${list.pager()}</div>
      ${table({
        label: "Keys",
        busy: list.busy,
        columns: [{ name: "Name" }, { name: "SecretId" }, { name: "Status" }, { name: "Plans", class: "num" }, { name: "Type", class: "wide" }, { name: "Created", class: "wide" }],
        rows: list.rows.map((each) => [
          html`<a href="#/keys/${each.secretId}"><b>${each.secretName}</b></a>`,
          html`<span class="id">${code(each.secretId)}${copyButton(ctx, each.secretId, "SecretId")}</span>`,
          status(each),
          each.usagePlanIds.length || html`<span class="muted">none</span>`,
          each.type === "auto" ? "auto-generated" : "custom",
          ago(each.created),
        ]),
        empty: this.empty(make),
      })}`;
  }

  empty(make) {
    if (this.list.search || this.list.filters.enabled) return emptyState("No key is like that", "Search looks into names and SecretIds. A SecretKey cannot be searched for.");
    return emptyState("No keys yet", "A key pair is what a caller proves itself with. Create one, then bind it to a usage plan.", make);
  }
}

export function status(secret) {
  if (secret.expiresAt && new Date(secret.expiresAt) <= new Date()) return badge("bad", "expired");
  return secret.enabled ? badge("good", "enabled") : badge("", "disabled");
}

/** The first step of the seed document: auto-generated or custom. */
export function newKey(ctx, done) {
  const form = new Form(ctx, {
    names: ["secretName", "secretId", "secretKey", "expiresAt"],
    values: { kind: "auto", secretName: "", secretId: "", secretKey: "", expiresAt: "" },
    submit: async (values, key) => {
      const body = { secretName: values.secretName };
      if (values.kind === "custom") Object.assign(body, { secretId: values.secretId, secretKey: values.secretKey });
      if (values.expiresAt) body.expiresAt = zoned(values.expiresAt);
      const made = await ctx.api.ask("POST", "secrets", { body, key });
      ctx.close();
      showKey(ctx, made, "Key created");
      done(made);
    },
  });
  const custom = () => form.values.kind === "custom";
  ctx.open({
    title: "Create key",
    view: () => form.view(
      html`${form.radios("kind", "Secret type", [["auto", "Auto-generated", "quotad makes SecretId and SecretKey."], ["custom", "Custom secret", "You bring both, for example from another system."]])}
        ${form.text("secretName", "Secret name", { required: true, hint: custom() ? "1 to 50 characters: letters, digits, _ and -." : "1 to 50 characters: letters, digits and _." })}
        ${custom() ? html`${form.text("secretId", "SecretId", { mono: true, required: true, hint: "5 to 50 characters: letters, digits, _ and -." })}
          ${form.text("secretKey", "SecretKey", { mono: true, required: true, hint: "10 to 50 characters: letters, digits, _ and -." })}` : nothing}
        ${form.text("expiresAt", "Expires (optional)", { type: "datetime-local" })}`,
      { yes: "Submit", cancel: () => ctx.close() },
    ),
  });
}

/** The only time that a SecretKey is shown unasked. */
export function showKey(ctx, made, title) {
  shownOnce(ctx, {
    title,
    words: "Keep the SecretKey now: it is not shown again. Give both to the caller over a safe way.",
    lines: [["SecretId", made.secretId], ["SecretKey", made.secretKey], ["Second key", made.secondaryKey]].filter(([, value]) => value),
    more: html`<a class="button" href="#/keys/${made.secretId}" @click=${() => ctx.close()}>Open this key</a>`,
  });
}
