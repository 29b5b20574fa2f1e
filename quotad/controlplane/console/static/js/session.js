// Who is signed in: the first page, and the dialog when a session ends in the middle of something.
import { html, nothing } from "./lit.js";
import { problemOf, send } from "./api.js";
import { alert } from "./ui.js";

const CHANNEL = "quotad-session";

export async function signOut() {
  await send("DELETE", "session").catch(() => null);
  new BroadcastChannel(CHANNEL).postMessage("out");
}

export class SignIn {
  constructor(repaint) {
    this.repaint = repaint;
    this.onEntered = () => {};
    this.isAsked = false;
    this.isKnown = false;
    this.isOut = false;
    this.token = "";
    this.refused = "";
    this.words = "";
    this.busy = false;
    this.waiting = [];
    // Signed in by another tab: the cookie is the same.
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = (event) => event.data === "in" && this.look();
  }

  /** The console was opened: perhaps there is a session, or none is needed. */
  async begin() {
    await this.look();
    this.isKnown = true;
    this.repaint();
  }

  async look() {
    const answer = await send("GET", "whoami").catch((problem) => problem);
    if (answer instanceof Error) this.refused = answer.message;
    else if (answer.ok) this.enter(await answer.json());
    else {
      const problem = await problemOf(answer);
      if (problem.status !== 401) this.refused = problem.message;
      else if (problem.code === "session_ended") this.words = "Your session has ended. Sign in again.";
    }
  }

  enter(who) {
    this.isAsked = this.isOut = false;
    this.token = this.refused = this.words = "";
    this.onEntered(who);
    for (const done of this.waiting.splice(0)) done();
  }

  /** Somebody must sign in before it goes on; what is on the page stays. */
  ask(problem) {
    // Asked before somebody signed out, answered after it: nobody waits for it.
    if (this.isOut) return new Promise(() => {});
    if (!this.isAsked) {
      this.isAsked = true;
      this.words = problem.code === "session_ended"
        ? "Your session has ended. Sign in again: what you typed is still there."
        : "You are not signed in any more. Sign in again: what you typed is still there.";
      this.repaint();
    }
    return new Promise((done) => this.waiting.push(done));
  }

  /** Before it is told: what is answered from now on belongs to a session that is over. */
  signingOut() {
    this.isOut = true;
  }

  signedOut() {
    this.words = "You are signed out.";
    this.isAsked = false;
    this.waiting = [];
  }

  async run(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.refused = "";
    this.repaint();
    try {
      const answer = await send("POST", "session", { token: this.token.trim() });
      if (answer.ok) {
        const who = await answer.json();
        // The cookie speaks from now on, and `means` says so.
        this.enter({ ...who, means: who.expiresAt === null ? who.means : "session" });
        this.channel.postMessage("in");
      } else this.refused = await refusal(answer);
    } catch (problem) {
      this.refused = problem.message;
    }
    this.busy = false;
    await this.repaint();
    if (this.refused) document.getElementById("token")?.focus();
  }

  form() {
    const wrong = Boolean(this.refused);
    return html`<form @submit=${(event) => this.run(event)} novalidate>
      ${this.words ? html`<p class="notice" role="status">${this.words}</p>` : nothing}
      <input type="text" autocomplete="username" value="quotad admin" hidden />
      <div class="field ${wrong ? "wrong" : ""}"><label for="token">Admin token</label>
        <input id="token" type="password" class="mono" autocomplete="current-password" autofocus required .value=${this.token}
          aria-invalid=${wrong ? "true" : "false"} aria-describedby="token-hint"
          @input=${(event) => (this.token = event.target.value)} />
        <p class="hint" id="token-hint">The one of the configuration (<code>admin.token</code>), or one made under Credentials.</p></div>
      ${alert(this.refused)}
      <div class="buttons"><button class="primary" ?disabled=${this.busy}>Sign in</button></div></form>`;
  }

  page() {
    if (!this.isKnown) return html`<div class="boot"><p class="brand">quotad</p></div>`;
    return html`<main class="door"><div class="card"><h1>quotad</h1><p class="muted">Keys, usage plans and who uses them up.</p>${this.form()}</div></main>`;
  }

  dialog() {
    return html`<dialog data-sign-in aria-labelledby="sign-in-title" @cancel=${(event) => event.preventDefault()}>
      <h2 id="sign-in-title">Sign in again</h2>${this.form()}</dialog>`;
  }
}

async function refusal(answer) {
  const problem = await problemOf(answer);
  if (problem.status === 401) return "This token is not known, or no longer good.";
  const wait = answer.headers.get("Retry-After");
  return problem.status === 429 && wait ? `${problem.message} Try again in ${wait} s.` : problem.message;
}
