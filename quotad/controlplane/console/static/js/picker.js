// Choosing from a list that the server searches.
import { html, nothing } from "./lit.js";
import { Listing, code } from "./ui.js";
import { plural } from "./format.js";

export class Picker {
  /** `id` and `words` of a row; `many`: several may be chosen; `bound`: whether a row is no choice; `onPick` hears of a row. */
  constructor(ctx, { path, name, label, id, words, search, many = false, bound = () => false, onPick = () => {} }) {
    Object.assign(this, { ctx, label, id, words, many, bound, onPick, searchLabel: search });
    this.list = new Listing(ctx, path, name, { limit: 8, remember: false });
    this.picked = new Set();
  }

  load() {
    return this.list.reload();
  }

  chosen() {
    return [...this.picked];
  }

  pick(id, isPicked) {
    if (!this.many) this.picked.clear();
    if (isPicked) this.picked.add(id);
    else this.picked.delete(id);
    this.ctx.repaint();
  }

  clear() {
    this.picked.clear();
    this.ctx.repaint();
  }

  view() {
    const { list } = this;
    const kind = this.many ? "checkbox" : "radio";
    return html`<fieldset class="field picker"><legend>${this.label}${this.many && this.picked.size ? html`<span class="muted"> · ${plural(this.picked.size, "chosen", "chosen")}</span>` : nothing}</legend>
      ${list.searchBox(this.searchLabel)}
      <div class="picker-rows">${list.rows.map((each) => this.row(each, kind))}
        ${!list.busy && !list.rows.length ? html`<p class="muted none">${list.search ? "Nothing is like that." : "There is none yet."}</p>` : nothing}</div>
      ${list.total > list.limit ? list.pager() : nothing}</fieldset>`;
  }

  row(each, kind) {
    const id = this.id(each);
    const isBound = this.bound(each);
    return html`<label class="choice"><input type=${kind} name="picked-${this.label}" ?disabled=${isBound} .checked=${isBound || this.picked.has(id)} @change=${(event) => (this.onPick(each), this.pick(id, event.target.checked))} />
      <span><b>${this.words(each)}</b> ${code(id)}${isBound ? html` <span class="muted">bound</span>` : nothing}</span></label>`;
  }
}
