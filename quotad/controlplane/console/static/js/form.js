// Forms: what is typed stays, what is refused is said beside its field.
import { html, nothing, live } from "./lit.js";
import { newKey } from "./api.js";
import { alert } from "./ui.js";

let forms = 0;

export class Form {
  /** `submit(values, key)` does it and throws a Problem when it is refused; `names` are the fields shown. */
  constructor(ctx, { values, submit, names }) {
    Object.assign(this, { ctx, values, submit, names });
    this.id = `form${++forms}`;
    this.errors = {};
    this.refused = "";
    this.busy = false;
    this.sent = "";
    this.key = "";
  }

  set(name, value) {
    this.values[name] = value;
    delete this.errors[name];
    this.ctx.repaint();
  }

  /** Put a problem where it belongs. A field of a list, like `secrets[0].secretKey`, belongs to its last name. */
  refuse(problem) {
    const [first] = problem.message.split(" ");
    const said = [problem.field, ...problem.field.split(/[.[\]]+/).toReversed(), first];
    const name = said.find((each) => this.names.includes(each));
    if (name) this.errors = { [name]: without(problem.message, problem.field || first) };
    else this.refused = problem.message;
  }

  async run(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.refused = "";
    this.errors = {};
    this.ctx.repaint();
    try {
      // The same again is done once; anything else is a request of its own.
      const whole = JSON.stringify(this.values);
      if (whole !== this.sent) [this.sent, this.key] = [whole, newKey()];
      await this.submit(this.values, this.key);
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      this.refuse(problem);
      this.busy = false;
      this.ctx.repaint();
      await this.ctx.painted();
      document.querySelector(`#${this.id} [aria-invalid=true], #${this.id} .alert`)?.focus();
    } finally {
      this.busy = false;
      this.ctx.repaint();
    }
  }

  view(content, { yes, cancel = null, danger = false, wide = false }) {
    return html`<form id=${this.id} class=${wide ? "wide" : ""} novalidate @submit=${(event) => this.run(event)}>
      ${content}${alert(this.refused)}
      <div class="buttons">${cancel ? html`<button type="button" @click=${cancel}>Cancel</button>` : nothing}
      <button class=${danger ? "danger" : "primary"} ?disabled=${this.busy}>${yes}</button></div></form>`;
  }

  /** A label, a control, what it means and what is wrong with it. */
  field(name, label, control, hint = "") {
    const error = this.errors[name];
    return html`<div class="field ${error ? "wrong" : ""}">
      <label for="${this.id}-${name}">${label}</label>${control}
      ${error ? html`<p class="error" id="${this.id}-${name}-error">${error}</p>` : nothing}
      ${hint ? html`<p class="hint" id="${this.id}-${name}-hint">${hint}</p>` : nothing}</div>`;
  }

  described(name, hint) {
    const ids = [this.errors[name] && `${this.id}-${name}-error`, hint && `${this.id}-${name}-hint`];
    return ids.filter(Boolean).join(" ") || nothing;
  }

  text(name, label, { hint = "", type = "text", required = false, mono = false, numeric = false, placeholder = "", autofocus = false } = {}) {
    const control = html`<input id="${this.id}-${name}" name=${name} type=${type} class=${mono || numeric ? "mono" : ""}
      .value=${live(String(this.values[name] ?? ""))} ?required=${required} ?autofocus=${autofocus} placeholder=${placeholder}
      inputmode=${numeric ? "numeric" : nothing} autocomplete="off" spellcheck="false"
      aria-invalid=${this.errors[name] ? "true" : "false"} aria-describedby=${this.described(name, hint)}
      @input=${(event) => this.set(name, event.target.value)} />`;
    return this.field(name, label, control, hint);
  }

  select(name, label, choices, { hint = "" } = {}) {
    const control = html`<select id="${this.id}-${name}" name=${name} aria-invalid=${this.errors[name] ? "true" : "false"}
      aria-describedby=${this.described(name, hint)} @change=${(event) => this.set(name, event.target.value)}>
      ${choices.map(([value, words]) => html`<option value=${value} ?selected=${this.values[name] === value}>${words}</option>`)}</select>`;
    return this.field(name, label, control, hint);
  }

  checkbox(name, label, { hint = "" } = {}) {
    return html`<div class="field check"><label><input type="checkbox" name=${name} .checked=${live(Boolean(this.values[name]))}
      aria-describedby=${this.described(name, hint)} @change=${(event) => this.set(name, event.target.checked)} /> ${label}</label>
      ${this.errors[name] ? html`<p class="error">${this.errors[name]}</p>` : nothing}
      ${hint ? html`<p class="hint" id="${this.id}-${name}-hint">${hint}</p>` : nothing}</div>`;
  }

  /** One of a few, each with its meaning. */
  radios(name, label, choices) {
    return html`<fieldset class="field radios"><legend>${label}</legend>
      ${choices.map(([value, words, meaning]) => html`<label class="choice"><input type="radio" name="${this.id}-${name}" value=${value}
        .checked=${live(this.values[name] === value)} @change=${() => this.set(name, value)} />
        <span><b>${words}</b>${meaning ? html`<span class="hint">${meaning}</span>` : nothing}</span></label>`)}
      ${this.errors[name] ? html`<p class="error">${this.errors[name]}</p>` : nothing}</fieldset>`;
  }
}

/** The field's own name says nothing where the words stand beside it. */
function without(words, field) {
  if (!words.toLowerCase().startsWith(`${field.toLowerCase()} `)) return words;
  const rest = words.slice(field.length + 1);
  return rest[0].toUpperCase() + rest.slice(1);
}
