// Lets a device in that shows a code (RFC 8628), after somebody logged in here and saw what is asking. The login ends with
// the decision, or with the page: nothing is kept in this browser.
import { element, get, post, sent, tell, turn } from "./shared.js";

let token;
let userCode;

async function logout() {
  const over = token;
  token = undefined;
  if (over) await post("/api/v1/auth/logout", {}, over);
}

addEventListener("pagehide", logout);

async function login() {
  const [name, password] = [element("name").value.trim(), element("password").value];
  const code = element("code").value.trim() || undefined;
  const login = await post("/api/v1/auth/login", { name, password, code });
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
  element("person").remove();
  return true;
}

sent(element("form"), async () => {
  userCode = element("user-code").value.trim();
  if (!token && !(await login())) return;
  const asks = await get(`/api/v1/auth/device?user_code=${encodeURIComponent(userCode)}`, token);
  if (!asks.ok) {
    tell(`No device shows this code. ${asks.code === "gone" ? "Look at it again; it may be over." : asks.detail}`, true);
    element("user-code").focus();
    return;
  }
  const { client, address } = asks.body;
  tell(`${client ?? "Something that does not say what it is"} asks, from ${address ?? "an unknown address"}. ` +
    "Let it in only if that is you, now.");
  turn(element("form"), element("decide"));
});

sent(element("decide"), async (event) => {
  const approve = event.submitter?.value === "yes";
  const done = await post("/api/v1/auth/device/decide", { user_code: userCode, approve }, token);
  await logout();
  if (done.ok) tell(approve ? "It is let in. You can close this page." : "It is kept out. You can close this page.");
  else tell(done.detail, true);
  turn(element("decide"));
});
