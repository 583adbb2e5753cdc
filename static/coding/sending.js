/* Asking the server for an act from a page that stays open for hours: what the answer was, or why there is none. */

const PATIENCE = 30_000; // milliseconds; then the answer counts as lost
let token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

const isJson = (answer) => (answer.headers.get("Content-Type") ?? "").startsWith("application/json");

function post(url, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return fetch(url, {
    method: "POST",
    body,
    headers: { Accept: "application/json", "X-CSRFToken": token },
    signal: AbortSignal.timeout(PATIENCE),
  });
}

/* Signing in again, in another tab, made a new token: take it from a fresh copy of this page. */
async function renewToken() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (fresh) token = fresh;
  return Boolean(fresh);
}

/* {status, data} of an answer in JSON, with the server's sentence as `error` when it refused. Without such an answer
   only `why`: "signed out", "failed" or "unreachable". Only after the last may the act have been done. */
export async function send(url, fields) {
  try {
    let answer = await post(url, fields);
    // An old token and a right that is missing look alike; neither did anything, so asking again is safe.
    if (answer.status === 403) {
      if (!(await renewToken())) return { why: "signed out" };
      answer = await post(url, fields);
    }
    // The sign-in page answers scripts in JSON too, and as a success.
    if (answer.redirected) return { why: "signed out" };
    if (!isJson(answer)) return { why: "failed" };
    const data = await answer.json();
    return answer.ok ? { status: answer.status, data } : { status: answer.status, data, error: data.error };
  } catch {
    return { why: "unreachable" };
  }
}
