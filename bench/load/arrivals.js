// k6's script: requests at a constant rate, sent when they are due whether or not earlier ones were answered.
// A request that found nobody free to send it is a dropped iteration, and spoils the run.
import http from 'k6/http';

const env = __ENV;
const callers = JSON.parse(open(env.CALLERS)).map((headers) => ({ headers }));
const shape = (begin, seconds, rate) => ({
  executor: 'constant-arrival-rate',
  startTime: `${begin}s`,
  duration: `${seconds}s`,
  rate,
  timeUnit: '1s',
  preAllocatedVUs: Number(env.SENDERS),
  maxVUs: Number(env.SENDERS),
});
const warm = Number(env.WARM);

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(90)', 'p(99)', 'max', 'count'],
  scenarios: {
    ...(warm > 0 ? { warm: shape(0, warm, Number(env.RATE)) } : {}),
    measured: shape(warm, Number(env.SECONDS), Number(env.RATE)),
  },
  // Without a threshold k6 keeps no figures of one scenario alone.
  thresholds: {
    'http_req_duration{scenario:measured}': ['max>=0'],
    'http_req_failed{scenario:measured}': ['rate>=0'],
    'dropped_iterations{scenario:measured}': ['count>=0'],
  },
};

let last = __VU;

export default function () {
  last += 1;
  http.get(env.URL, callers[last % callers.length]);
}

export function handleSummary(data) {
  const of = (name, field) => {
    const found = data.metrics[`${name}{scenario:measured}`];
    return found === undefined ? 0 : found.values[field];
  };
  const took = 'http_req_duration';
  return {
    stdout: `result ${JSON.stringify({
      requests: of(took, 'count'),
      p50_ms: of(took, 'med'),
      p90_ms: of(took, 'p(90)'),
      p99_ms: of(took, 'p(99)'),
      most_ms: of(took, 'max'),
      failed: of('http_req_failed', 'rate'),
      dropped: of('dropped_iterations', 'count'),
    })}\n`,
  };
}
