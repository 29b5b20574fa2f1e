// Draws with uPlot: stacked bars, and a line where the limit is.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { number, short } from "./format.js";

const HEIGHT = 190;

export function draw(host, { labels, series, limit = -1, ticks }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const xs = labels.map((_, at) => at);
  const top = Math.max(1, ...xs.map((at) => series.reduce((sum, each) => sum + each.values[at], 0)));
  // The limit is drawn where it can be seen without making the bars too small to be.
  const shown = limit > 0 && limit <= top * 4;
  const font = `12px ${style.getPropertyValue("--font")}`;
  const axis = { stroke: colour("muted"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  // Stacked: the first is drawn last, before the sums behind it.
  const sums = stacked(series);
  const bars = uPlot.paths.bars({ size: [0.72, 26], radius: 0.15 });
  const options = {
    width: Math.max(host.clientWidth, 200), height: HEIGHT, padding: [10, 6, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    legend: { show: false },
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: [0, (shown ? Math.max(top, limit) : top) * 1.08] } },
    axes: [
      { ...axis, grid: { show: false }, splits: () => spread(labels.length, host.clientWidth), values: (_, found) => found.map((at) => ticks(labels[at])), gap: 4, size: 28 },
      { ...axis, values: (_, found) => found.map((value) => (Number.isInteger(value) ? short(value) : "")), size: 56, gap: 6 },
    ],
    series: [
      {},
      ...sums.map((each) => ({ label: each.name, paths: bars, fill: colour(each.colour), width: 0, points: { show: false } })),
    ],
    hooks: {
      draw: shown ? [(plot) => line(plot, limit, colour("danger"))] : [],
      setCursor: [(plot) => tell(plot, host, labels, series, ticks)],
    },
  };
  const plot = new uPlot(options, [xs, ...sums.map((each) => each.values)], host);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  plot.over.append(tip);
  plot.tip = tip;
  return {
    resize: () => plot.setSize({ width: Math.max(host.clientWidth, 200), height: HEIGHT }),
    destroy: () => plot.destroy(),
  };
}

function stacked(series) {
  const found = [];
  let below = series[0]?.values.map(() => 0) ?? [];
  for (const each of series) {
    below = each.values.map((value, at) => value + below[at]);
    found.unshift({ ...each, values: below });
  }
  return found;
}

/** Which labels have room. */
function spread(count, width) {
  const step = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(width / 76))));
  return Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step);
}

function line(plot, limit, colour) {
  const y = Math.round(plot.valToPos(limit, "y", true)) + 0.5;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([5, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function tell(plot, host, labels, series, ticks) {
  const at = plot.cursor.idx;
  const tip = plot.tip;
  if (!tip) return;
  tip.hidden = at === null || at === undefined;
  if (tip.hidden) return;
  tip.replaceChildren(`${ticks(labels[at], true)}: `, ...series.flatMap((each, place) => [place ? ", " : "", `${each.name} ${number(each.values[at])}`]));
  const left = plot.valToPos(at, "x");
  tip.style.left = `${Math.min(Math.max(left, tip.offsetWidth / 2), plot.over.clientWidth - tip.offsetWidth / 2)}px`;
}
