// Uses a link: whoever opens it becomes owner, or chooses a password. The link is after the `#`, which browsers send to
// nobody; it is taken out of the address bar at once, so that it stays in no history.
import { element, post, sent, tell, turn } from "./shared.js";

const link = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const about = await post("/api/v1/auth/link", { link });
if (about.ok) {
  const owner = about.body.purpose === "owner";
  tell(owner ? "You become the owner of this host." : `A new password for ${about.body.name}.`);
  element("naming").hidden = !owner;
  element("name").required = owner;
  element("form").hidden = false;
} else {
  tell(about.detail, true);
}

sent(element("form"), async () => {
  const password = element("password").value;
  if (password !== element("again").value) {
    tell("The two passwords are not the same.", true);
    element("again").focus();
    return;
  }
  const name = element("naming").hidden ? undefined : element("name").value.trim();
  const done = await post("/api/v1/auth/link/use", { link, name, password });
  if (!done.ok && done.code !== "second-factor") {
    tell(done.detail, true);
    return;
  }
  if (done.ok) await post("/api/v1/auth/logout", {}, done.body.access_token);
  tell("Your password is set. Log in with `waystation login`.");
  turn(element("form"));
});
