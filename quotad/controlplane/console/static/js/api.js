// Speaks to /v1 and to nothing else.
const TIMEOUT_MS = 15_000;

/** What was not done, and why: the members of problem+json. Status 0: nobody answered. */
export class Problem extends Error {
  constructor(status, members) {
    super(members.detail ?? "It was not done.");
    this.status = status;
    this.code = members.code ?? "";
    this.field = members.field ?? "";
    this.requestId = members.requestId ?? "";
  }
}

export class Api {
  /** `signIn` is called when nobody is signed in, and resolves once somebody is. */
  constructor(signIn) {
    this.signIn = signIn;
  }

  get(path, query) {
    return this.ask("GET", path, { query });
  }

  /** The members and the ETag of one record. */
  async tagged(path) {
    const answer = await this.answer("GET", path, {});
    return [await answer.json(), answer.headers.get("ETag")];
  }

  async ask(method, path, more = {}) {
    const answer = await this.answer(method, path, more);
    return answer.status === 204 ? null : answer.json();
  }

  async answer(method, path, more) {
    for (;;) {
      const answer = await send(method, path, more);
      if (answer.ok) return answer;
      const problem = await problemOf(answer);
      if (problem.status !== 401) throw problem;
      await this.signIn(problem);
    }
  }
}

/** One request, without asking anybody to sign in. `token` takes the place of the session. */
export async function send(method, path, { query, body, tag, key, token } = {}) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  const words = new URLSearchParams(given).toString();
  const headers = { "X-Quotad-Console": "1", Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (tag) headers["If-Match"] = tag;
  if (key) headers["Idempotency-Key"] = key;
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(`/v1/${path}${words && `?${words}`}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Problem(0, { detail: "quotad did not answer. It may have been stopped, or the line is down." });
  }
}

export async function problemOf(answer) {
  const members = await answer.json().catch(() => ({ detail: `quotad answered ${answer.status}.` }));
  return new Problem(answer.status, members);
}

/** For Idempotency-Key; randomUUID is not there on plain HTTP beyond loopback. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
