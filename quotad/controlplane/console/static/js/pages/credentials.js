// What people and programs sign in with to change things: tokens and key pairs.
import { html, nothing } from "../lit.js";
import * as icons from "../icons.js";
import { Form } from "../form.js";
import { localTime, zoned } from "../format.js";
import { ago, badge, code, confirmation, copyButton, emptyState, header, searchBox, shownOnce, table } from "../ui.js";

const ROLES = [
  ["read", "read", "Sees everything but SecretKeys, credentials and the audit log."],
  ["operate", "operate", "Also changes services, plans, bindings and use."],
  ["admin", "admin", "Also makes and shows keys, and manages credentials."],
];
const TYPES = { token: "token", keyPair: "key pair" };

export class Credentials {
  title = "Credentials";

  constructor(ctx) {
    this.ctx = ctx;
    this.rows = [];
    this.busy = true;
    this.search = ctx.query.get("search") ?? "";
  }

  async load() {
    this.rows = (await this.ctx.api.get("credentials")).credentials;
    this.busy = false;
    this.ctx.repaint();
  }

  reload() {
    return this.load().catch((problem) => this.ctx.failed(problem));
  }

  find(text) {
    this.search = text;
    this.ctx.remember({ search: text });
    this.ctx.repaint();
  }

  view() {
    const { ctx } = this;
    const make = ctx.can("admin") ? html`<button type="button" class="primary" @click=${() => this.create()}>${icons.plus()}Create credential</button>` : nothing;
    const words = this.search.toLowerCase();
    const found = this.rows.filter((each) => `${each.name} ${each.credentialId} ${each.role}`.toLowerCase().includes(words));
    return html`${header("Credentials", { sub: "What people and programs sign in with here, in the API and in the cloud dialects.", actions: make })}
      <div class="bar">${searchBox({ label: "Search names, ids and roles", value: this.search, on: (text) => this.find(text) })}</div>
      ${table({
        label: "Credentials",
        busy: this.busy,
        columns: [{ name: "Name" }, { name: "Id" }, { name: "Role" }, { name: "Status" }, { name: "Type", class: "wide" }, { name: "Expires" }, { name: "Created", class: "wide" }, { name: html`<span class="hidden">Actions</span>`, class: "end" }],
        rows: found.map((each) => this.row(each)),
        empty: this.empty(make),
      })}
      <p class="muted small after">The token and the client certificates of the configuration (<code>admin.token</code>, <code>admin.tls.clients</code>) are changed there.</p>`;
  }

  row(each) {
    const { ctx } = this;
    const actions = () => html`<button type="button" class="quiet" aria-label="Edit ${each.name}" @click=${() => this.edit(each)}>Edit</button>
      <button type="button" class="quiet" aria-label="Revoke ${each.name}" @click=${() => this.revoke(each)}>Revoke</button>`;
    return [
      html`<b>${each.name}</b>${each.credentialId === ctx.who.name ? html` ${badge("", "you")}` : nothing}`,
      html`<span class="id">${code(each.credentialId)}${copyButton(ctx, each.credentialId, "Id")}</span>`,
      each.role,
      status(each),
      TYPES[each.type],
      ago(each.expiresAt),
      ago(each.created),
      ctx.can("admin") ? actions() : nothing,
    ];
  }

  empty(make) {
    if (this.search) return emptyState("No credential is like that", "Search looks into names, ids and roles.");
    if (this.ctx.isFile) return emptyState("Credentials are those of the file", "In file mode whoever signs in shows the token or a client certificate of the configuration.");
    return emptyState("No credentials yet", "Give each person and each program a token of its own, with no more than the role it needs: then the audit log says who it was, and one can be revoked alone.", make);
  }

  create() {
    const { ctx } = this;
    const form = new Form(ctx, {
      names: ["type", "name", "role", "expiresAt"],
      values: { type: "token", name: "", role: "read", expiresAt: "" },
      submit: async (values, key) => {
        const body = { type: values.type, name: values.name, role: values.role };
        if (values.expiresAt) body.expiresAt = zoned(values.expiresAt);
        const made = await ctx.api.ask("POST", "credentials", { body, key });
        ctx.close();
        show(ctx, made);
        await this.reload();
      },
    });
    ctx.open({
      title: "Create credential",
      view: () => form.view(
        html`${form.text("name", "Name", { required: true, hint: "Whose it is: a person or a program." })}
          ${form.radios("type", "Type", [["token", "Token", "For this console, the API and the quotad command."], ["keyPair", "Key pair", "Signs requests of the cloud dialects, as their SDKs do."]])}
          ${form.radios("role", "Role", ROLES)}
          ${form.text("expiresAt", "Expires (optional)", { type: "datetime-local" })}`,
        { yes: "Submit", cancel: () => ctx.close() },
      ),
    });
  }

  async edit(each) {
    const { ctx } = this;
    const path = `credentials/${each.credentialId}`;
    const [found, tag] = await ctx.api.tagged(path).catch((problem) => (ctx.say(problem.message), [null]));
    if (!found) return void this.reload();
    const form = new Form(ctx, {
      names: ["name", "role", "enabled", "expiresAt"],
      values: { name: found.name, role: found.role, enabled: found.enabled, expiresAt: localTime(found.expiresAt) },
      submit: async (values) => {
        const body = { name: values.name, role: values.role, enabled: values.enabled };
        // Of an instant that nobody touched no second is lost.
        if (values.expiresAt !== localTime(found.expiresAt)) body.expiresAt = values.expiresAt ? zoned(values.expiresAt) : null;
        await ctx.api.ask("PATCH", path, { body, tag });
        ctx.close();
        ctx.say("Credential changed.");
        await this.reload();
      },
    });
    ctx.open({
      title: `Edit ${found.name}`,
      view: () => form.view(
        html`${form.text("name", "Name", { required: true })}${form.radios("role", "Role", ROLES)}
          ${form.checkbox("enabled", "Enabled", { hint: "Off: refused like one that is not known, and its sessions end." })}
          ${form.text("expiresAt", "Expires", { type: "datetime-local", hint: "Empty: never." })}`,
        { yes: "Save", cancel: () => ctx.close() },
      ),
    });
  }

  revoke(each) {
    const { ctx } = this;
    confirmation(ctx, {
      title: "Revoke credential", yes: "Revoke", words: html`Nobody signs in with <b>${each.name}</b> any more, and its sessions end. This cannot be taken back.${each.credentialId === ctx.who.name ? " You are signed in with it." : ""}`,
      act: async () => {
        await ctx.api.ask("DELETE", `credentials/${each.credentialId}`);
        await this.reload();
        return "Credential revoked.";
      },
    });
  }
}

function status(each) {
  if (each.expiresAt && new Date(each.expiresAt) <= new Date()) return badge("bad", "expired");
  return each.enabled ? badge("good", "enabled") : badge("", "disabled");
}

function show(ctx, made) {
  const isToken = made.type === "token";
  shownOnce(ctx, {
    title: "Credential created",
    words: isToken ? "Keep the token now: it is not shown again." : "Keep the SecretKey now: it is not shown again.",
    lines: isToken ? [["Token", made.token]] : [["SecretId", made.credentialId], ["SecretKey", made.secretKey]],
  });
}
