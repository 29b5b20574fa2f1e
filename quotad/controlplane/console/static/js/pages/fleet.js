// The sidecars, and how the store does.
import { html, nothing } from "../lit.js";
import { number } from "../format.js";
import { ago, badge, code, emptyState, header, table } from "../ui.js";

const EVERY_MS = 3000;

export class Fleet {
  title = "Fleet";

  constructor(ctx) {
    this.ctx = ctx;
    this.rows = [];
    this.busy = true;
  }

  load() {
    return this.ctx.every(EVERY_MS, async () => {
      const begun = performance.now();
      this.rows = (await this.ctx.api.get("fleet")).sidecars;
      this.answeredMs = performance.now() - begun;
      this.busy = false;
      this.ctx.well();
      this.ctx.repaint();
    });
  }

  view() {
    const alive = this.rows.filter((each) => each.alive);
    const sum = (name) => alive.reduce((all, each) => all + each[name], 0);
    const versions = new Set(alive.map((each) => each.configVersion));
    const slow = Math.max(0, ...alive.map((each) => each.storeUs));
    const tile = (name, value, more) => html`<div><h2>${name}</h2><div class="tile-number">${value}</div><p class="muted small">${more}</p></div>`;
    return html`${header("Fleet", { sub: "What every process that serves callers last told of itself; each speaks every 5 seconds." })}
      <section class="card tiles" aria-label="All together">
        ${tile("Sidecars", number(alive.length), this.rows.length > alive.length ? `${number(this.rows.length - alive.length)} silent` : "all alive")}
        ${tile("Store", this.busy ? "…" : this.ctx.trouble ? "silent" : "answers", alive.length ? `slowest average ${milliseconds(slow)}` : nothing)}
        ${tile("Configuration", versions.size > 1 ? `${versions.size} versions` : "one version", versions.size > 1 ? "not all have followed yet" : "everywhere")}
        ${tile("In flight, ahead", `${number(sum("held"))}, ${number(sum("leased"))}`, "held by requests, leased by sidecars")}
        ${tile("Unaccounted", number(sum("unaccounted")), "admitted without the store")}
      </section>
      ${table({
        label: "Sidecars",
        busy: this.busy,
        columns: [{ name: "Sidecar", class: "whole" }, { name: "Alive" }, { name: "Version" }, { name: "Configuration" }, { name: "Callers", class: "num" }, { name: "In flight", class: "num wide" }, { name: "Ahead", class: "num wide" }, { name: "Unaccounted", class: "num" }, { name: "Store", class: "num wide" }, { name: "Errors", class: "num" }, { name: "Up", class: "wide" }],
        rows: this.rows.map((each) => [
          html`<b>${each.host}</b><div class="muted small">${code(each.sidecarId)} · ${each.pid}</div>`,
          each.alive ? badge("good", "alive") : html`${badge("bad", "silent")}<div class="muted small">${ago(each.heardAt)}</div>`,
          each.version,
          html`<span class=${versions.size > 1 ? "muted" : ""}>${each.configVersion.slice(0, 16)}</span><div class="muted small">${each.mode} mode</div>`,
          number(each.connections), number(each.held), number(each.leased),
          each.unaccounted ? badge("warn", number(each.unaccounted)) : "0",
          milliseconds(each.storeUs),
          each.storeErrors ? badge("warn", number(each.storeErrors)) : "0",
          ago(each.startedAt),
        ]),
        empty: emptyState("No sidecar was heard", html`Start one with <code>quotad serve -c quotad.yaml</code> on the same store and namespace: it is here within seconds.`),
      })}`;
  }
}

const milliseconds = (us) => (us ? `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms` : "–");
