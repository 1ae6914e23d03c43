// Lets a device in that shows a code (RFC 8628), after somebody logged in, here or at a provider, and saw what is asking.
// The login ends with the decision, or with the page: nothing is kept in this browser.
import { element, get, post, sent, tell, turn } from "./shared.js";

// Whoever comes back from a provider brings what to log in with after the `#`, which browsers send to nobody; it is taken
// out of the address bar at once, so that it stays in no history.
const brought = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
const entry = brought.get("login");

let token;
let userCode;

async function logout() {
  const over = token;
  token = undefined;
  if (over) await post("/api/v1/auth/logout", {}, over);
}

addEventListener("pagehide", logout);

element("user-code").value = brought.get("user_code") ?? "";

// The code goes along, so that it need not be typed twice.
function leave(url) {
  const code = element("user-code").value.trim();
  const next = code ? `/device?user_code=${encodeURIComponent(code)}` : "/device";
  location.assign(`${url}?next=${encodeURIComponent(next)}`);
}

async function offer() {
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

function ask(code) {
  if (entry) return post("/api/v1/auth/oidc", { code: entry, second_factor: code }, undefined, "same-origin");
  const [name, password] = [element("name").value.trim(), element("password").value];
  return post("/api/v1/auth/login", { name, password, code });
}

async function login() {
  const login = await ask(element("code").value.trim() || undefined);
  if (!login.ok) {
    tell(login.detail, true);
    if (login.code === "second-factor") {
      element("second").hidden = false;
      element("code").required = true;
      tell("Type the code of your app, too.");
      element("code").focus();
    }
    return false;
  }
  token = login.body.access_token;
  element("known")?.remove();
  element("second").remove();
  element("providers").hidden = true;
  return true;
}

async function look() {
  userCode = element("user-code").value.trim();
  if (!token && !(await login())) return;
  if (!userCode) {
    tell("You are logged in. Type the code that the device shows.");
    element("user-code").focus();
    return;
  }
  const asks = await get(`/api/v1/auth/device?user_code=${encodeURIComponent(userCode)}`, token);
  if (!asks.ok) {
    tell(`No device shows this code. ${asks.code === "gone" ? "Look at it again; it may be over." : asks.detail}`, true);
    element("user-code").focus();
    return;
  }
  const { client, address } = asks.body;
  tell(`${client ?? "Something that does not say what it is"} asks, from ${address ?? "an unknown address"}. ` +
    `Let it in only if that is you, now, and it shows the code ${userCode}.`);
  turn(element("form"), element("decide"));
}

sent(element("form"), look);

if (entry) {
  element("known").remove();
  await look();
} else {
  await offer();
}

sent(element("decide"), async (event) => {
  const approve = event.submitter?.value === "yes";
  const done = await post("/api/v1/auth/device/decide", { user_code: userCode, approve }, token);
  await logout();
  if (done.ok) tell(approve ? "It is let in. You can close this page." : "It is kept out. You can close this page.");
  else tell(done.detail, true);
  turn(element("decide"));
});
