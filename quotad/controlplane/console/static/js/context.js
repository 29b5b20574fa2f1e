// What every page is handed: the API, who is signed in, and how to have things shown.
const RANK = { read: 0, operate: 1, admin: 2 };

export class Context {
  constructor(api, repaint) {
    this.api = api;
    this.repaint = repaint;
    this.who = null;
    this.dialogs = [];
    this.toasts = [];
    this.timers = new Set();
    this.query = new URLSearchParams();
    this.path = "";
  }

  get isFile() {
    return this.who?.mode === "file";
  }

  /** Whether the role is enough to change what is in the records. In file mode nobody changes them here. */
  can(role) {
    return !this.isFile && this.has(role);
  }

  has(role) {
    return this.who !== null && RANK[this.who.role] >= RANK[role];
  }

  /** Ask again and again while the page is seen, until it is left. Returns when it was asked first. */
  async every(ms, ask) {
    const timer = { id: 0 };
    this.timers.add(timer);
    const round = async () => {
      if (!document.hidden) await ask().catch((problem) => this.failed(problem));
      if (this.timers.has(timer)) timer.id = setTimeout(round, ms);
    };
    await round();
  }

  leave() {
    for (const timer of this.timers) clearTimeout(timer.id);
    this.timers.clear();
  }

  /** A repeated question got no answer: said once, until one comes. */
  failed(problem) {
    this.trouble = problem.message;
    this.repaint();
  }

  well() {
    this.trouble = "";
  }

  go(hash) {
    location.hash = hash;
  }

  /** Keep what a list shows in the address, so that going back finds it again. */
  remember(values) {
    for (const [name, value] of Object.entries(values)) {
      if (value === "" || value === 0 || value === undefined) this.query.delete(name);
      else this.query.set(name, value);
    }
    const words = this.query.toString();
    history.replaceState(null, "", `#/${this.path}${words && `?${words}`}`);
  }

  /** Show a dialog; `dialog.view()` is what stands in it. */
  open(dialog) {
    this.dialogs.push(dialog);
    this.repaint();
  }

  close() {
    // The element's own close() gives the focus back to where it was.
    const shown = document.querySelectorAll("dialog[open]:not([data-sign-in])");
    if (shown.length) shown[shown.length - 1].close();
    this.closed(this.dialogs.at(-1));
  }

  closed(dialog) {
    this.dialogs = this.dialogs.filter((each) => each !== dialog);
    this.repaint();
  }

  say(words) {
    const toast = { words };
    this.toasts.push(toast);
    setTimeout(() => {
      this.toasts = this.toasts.filter((each) => each !== toast);
      this.repaint();
    }, 6000);
    this.repaint();
  }
}
