// Lets a device in that shows a code (RFC 8628), after somebody logged in here and saw what is asking. The login ends with
// the decision: nothing is kept in this browser.
import { element, get, post, tell } from "./shared.js";

let token;
let userCode;

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  userCode = element("user-code").value.trim();
  const [name, password] = [element("name").value.trim(), element("password").value];
  const code = element("code").value.trim() || undefined;
  const login = await post("/api/v1/auth/login", { name, password, code });
  if (!login.ok) {
    element("second").hidden = element("second").hidden && login.code !== "second-factor";
    tell(login.detail, true);
    return;
  }
  token = login.body.access_token;
  const asks = await get(`/api/v1/auth/device?user_code=${encodeURIComponent(userCode)}`, token);
  if (!asks.ok) {
    await post("/api/v1/auth/logout", {}, token);
    tell(asks.detail, true);
    return;
  }
  const { client, address } = asks.body;
  tell(`${client ?? "Something that does not say what it is"} asks, from ${address ?? "an unknown address"}. ` +
    "Let it in only if that is you, now.");
  element("form").remove();
  element("decide").hidden = false;
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
