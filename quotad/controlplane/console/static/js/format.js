// Numbers and times as people read them.
const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });
const exact = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZoneName: "short",
});

const STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];

export const number = (value) => whole.format(value);
export const short = (value) => (Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value));
export const limit = (value) => (value === -1 ? "no limit" : whole.format(value));
export const at = (iso) => exact.format(new Date(iso));

/** "3 minutes ago", "in 2 hours"; `now` in milliseconds. */
export function since(iso, now = Date.now()) {
  let left = (new Date(iso).getTime() - now) / 1000;
  for (const [size, unit] of STEPS) {
    if (Math.abs(left) < size) return Math.abs(left) < 5 && unit === "second" ? "now" : relative.format(Math.round(left), unit);
    left /= size;
  }
  return iso;
}

/** An instant as a field for date and time has it, and back; both in the browser's time zone. */
export const localTime = (iso) => (iso ? new Date(new Date(iso) - new Date(iso).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "");
export const zoned = (local) => new Date(local).toISOString();

/** What part of a limit is used, 0 to 1; null: there is no limit. */
export const part = (used, max) => (max === -1 ? null : max === 0 ? 1 : Math.min(used / max, 1));

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Digits as people type them, or what they typed when it is no whole number. */
export function typedNumber(text) {
  const plain = String(text).replaceAll(/[\s,_']/g, "");
  return /^-?[0-9]{1,16}$/.test(plain) ? Number(plain) : String(text).trim();
}
