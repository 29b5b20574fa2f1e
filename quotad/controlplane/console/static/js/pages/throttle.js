// A bound on all callers together, of an environment or of one Api there.
import { html, nothing } from "../lit.js";
import { Form } from "../form.js";
import { limit, typedNumber } from "../format.js";

export const bound = (throttle) => `${limit(throttle.rateRps)} a second, ${limit(throttle.burst)} at once`;

/** `places`: [environment, what holds there now]; `path(environment)`: where it is set. */
export function askBound(ctx, { title, places, path, done }) {
  const typed = (environment) => {
    const throttle = places.find(([name]) => name === environment)[1];
    return { environment, rateRps: throttle?.rateRps ?? "", burst: throttle?.burst ?? "" };
  };
  const form = new Form(ctx, {
    names: ["environment", "rateRps", "burst"],
    values: typed(places[0][0]),
    submit: async (values) => {
      const rate = String(values.rateRps).trim();
      const burst = String(values.burst).trim();
      if (rate === "") await ctx.api.ask("DELETE", path(values.environment));
      else await ctx.api.ask("PUT", path(values.environment), { body: { rateRps: typedNumber(rate), ...(burst && { burst: typedNumber(burst) }) } });
      ctx.close();
      await done();
    },
  });
  // Another environment has another bound, which is shown in place of what was typed.
  const where = () => html`<div @change=${(event) => event.target.name === "environment" && Object.assign(form.values, typed(event.target.value))}>
    ${form.select("environment", "Environment", places.map(([name]) => [name, name]))}</div>`;
  ctx.open({
    title,
    view: () => form.view(html`${places.length > 1 ? where() : nothing}
      ${form.text("rateRps", "Requests a second", { numeric: true, hint: "Empty: no bound." })}${form.text("burst", "At once (burst)", { numeric: true, hint: "Empty: as many as a second." })}`, { yes: "Save", cancel: () => ctx.close() }),
  });
}
