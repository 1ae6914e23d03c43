// What the pages have in common. Text from the host is only ever set as text.

export const element = (id) => document.getElementById(id);

export function tell(text, bad = false) {
  const about = element("about");
  // Sentences of the host begin as they do in the middle of a line.
  about.textContent = text.charAt(0).toUpperCase() + text.slice(1);
  about.className = bad ? "bad" : "";
}

// Says of the first field that is not filled in rightly what is wrong, and goes there.
export function complete(form) {
  const wrong = [...form.querySelectorAll("input")].find((input) => !input.closest("[hidden]") && !input.validity.valid);
  for (const input of form.querySelectorAll("input")) {
    if (input === wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  if (!wrong) return true;
  tell(wrong.dataset.wrong, true);
  wrong.focus();
  return false;
}

// Does this when the form is sent, once at a time.
export function sent(form, act) {
  form.noValidate = true;
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !complete(form)) return;
    busy = true;
    form.setAttribute("aria-busy", "true");
    try {
      await act(event);
    } finally {
      busy = false;
      form.removeAttribute("aria-busy");
    }
  });
}

// Puts one part of the page in place of another, and the keyboard where what is new is told.
export function turn(from, to) {
  from.remove();
  if (to) to.hidden = false;
  element("about").focus();
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
    // Also when the page is left meanwhile.
    keepalive: true,
    credentials,
    headers: { "content-type": "application/json", ...authorized(token) },
    body: JSON.stringify(body),
  });
