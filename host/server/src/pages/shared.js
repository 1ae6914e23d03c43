// What the pages have in common. Text from the host is only ever set as text.

export const element = (id) => document.getElementById(id);

export function tell(text, bad = false) {
  const about = element("about");
  about.textContent = text;
  about.className = bad ? "bad" : "";
}

async function ask(path, options) {
  try {
    const answer = await fetch(path, { credentials: "omit", ...options, cache: "no-store", redirect: "error" });
    const body = answer.status === 204 ? {} : await answer.json();
    return { ok: answer.ok, body, code: body.code, detail: body.detail };
  } catch {
    return { ok: false, body: {}, detail: "The host does not answer. Try again." };
  }
}

const authorized = (token) => (token ? { authorization: `Bearer ${token}` } : {});

export const get = (path, token) => ask(path, { headers: authorized(token) });

export const post = (path, body, token, credentials = "omit") =>
  ask(path, {
    method: "POST",
    credentials,
    headers: { "content-type": "application/json", ...authorized(token) },
    body: JSON.stringify(body),
  });
