// Lets a device in that shows a code (RFC 8628), after somebody logged in, here or at a provider, and saw what is asking.
// The login ends with the decision: nothing is kept in this browser.
import { element, get, post, tell } from "./shared.js";

// Whoever comes back from a provider brings what to log in with after the `#`, which browsers send to nobody; it is taken
// out of the address bar at once, so that it stays in no history.
const brought = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
const entry = brought.get("login");

let token;
let userCode;

element("user-code").value = brought.get("user_code") ?? "";

if (entry) {
  element("known").remove();
  await look();
} else {
  const { ok, body } = await get("/api/v1/auth/providers");
  for (const { url, title } of ok ? body.providers : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "other";
    button.textContent = title;
    button.addEventListener("click", () => leave(url));
    element("providers").append(button, " ");
    element("providers").hidden = false;
  }
}

// The code goes along, so that it need not be typed twice.
function leave(url) {
  const code = element("user-code").value.trim();
  const next = code ? `/device?user_code=${encodeURIComponent(code)}` : "/device";
  location.assign(`${url}?next=${encodeURIComponent(next)}`);
}

async function login() {
  const code = element("code").value.trim() || undefined;
  if (entry) return post("/api/v1/auth/oidc", { code: entry, second_factor: code }, undefined, "same-origin");
  const [name, password] = [element("name").value.trim(), element("password").value];
  return post("/api/v1/auth/login", { name, password, code });
}

async function look() {
  if (!token) {
    const told = await login();
    if (!told.ok) {
      element("second").hidden = element("second").hidden && told.code !== "second-factor";
      tell(told.detail, true);
      return;
    }
    token = told.body.access_token;
  }
  userCode = element("user-code").value.trim();
  if (!userCode) {
    element("second").hidden = true;
    tell("You are logged in. Type the code that the device shows.");
    return;
  }
  const asks = await get(`/api/v1/auth/device?user_code=${encodeURIComponent(userCode)}`, token);
  if (!asks.ok) {
    // Whoever came from a provider would have to go there again.
    if (!entry) {
      await post("/api/v1/auth/logout", {}, token);
      token = undefined;
    }
    tell(asks.detail, true);
    return;
  }
  const { client, address } = asks.body;
  tell(`${client ?? "Something that does not say what it is"} asks, from ${address ?? "an unknown address"}. ` +
    `Let it in only if that is you, now, and it shows the code ${userCode}.`);
  element("form").remove();
  element("decide").hidden = false;
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await look();
});

element("decide").addEventListener("submit", async (event) => {
  event.preventDefault();
  const approve = event.submitter?.value === "yes";
  const done = await post("/api/v1/auth/device/decide", { user_code: userCode, approve }, token);
  await post("/api/v1/auth/logout", {}, token);
  element("decide").remove();
  if (done.ok) tell(approve ? "It is let in." : "It is kept out.");
  else tell(done.detail, true);
});
