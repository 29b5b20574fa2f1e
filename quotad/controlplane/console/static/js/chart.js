// <quotad-chart>: bars over time. The library that draws them is fetched when the first one is shown.
import { number } from "./format.js";

let style = null;

/** The library's own style sheet is there. */
const styled = () =>
  (style ??= new Promise((done) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("../vendor/uplot/uPlot.min.css", import.meta.url).href });
    link.onload = link.onerror = done;
    document.head.append(link);
  }));

class Chart extends HTMLElement {
  #data = null;
  #drawn = null;
  #watch = new ResizeObserver(() => this.#drawn?.resize());

  /** {labels, series: [{name, values, colour}], limit, ticks: label -> text, title}. */
  set data(data) {
    if (JSON.stringify(data) === JSON.stringify(this.#data)) return;
    this.#data = data;
    if (this.isConnected) this.#draw();
  }

  connectedCallback() {
    this.#watch.observe(this);
    window.addEventListener("quotad-colours", this.#again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#again);
    if (this.#data) this.#draw();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
    window.removeEventListener("quotad-colours", this.#again);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#again);
    this.#drawn?.destroy();
    this.#drawn = null;
  }

  #again = () => this.#draw();

  async #draw() {
    const data = this.#data;
    this.setAttribute("role", "img");
    const sums = data.series.map((each) => `${each.name} ${number(each.values.reduce((sum, value) => sum + value, 0))}`);
    this.setAttribute("aria-label", `${data.title}: ${sums.join(", ")}`);
    const [{ draw }] = await Promise.all([import("./charts.js"), styled()]);
    if (!this.isConnected || data !== this.#data) return;
    this.#drawn?.destroy();
    this.#drawn = draw(this, data);
  }
}

customElements.define("quotad-chart", Chart);
