// A provider of logins for the tests: oidc-provider, certified for OpenID Connect, with people who have any password.
// Its arguments are the addresses that it sends people back to; the first line that it writes is its issuer.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = createRequire(join(process.env.WAYSTATION_OIDC_JS, "package.json"));
const { default: Provider } = await import(pathToFileURL(modules.resolve("oidc-provider")));

const redirect_uris = process.argv.slice(2);
const groups = { ann: ["staff", "ops"], bob: ["staff"], "Cleo": ["ops"], "No Name": ["ops"] };

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const common = { redirect_uris, grant_types: ["authorization_code"], response_types: ["code"] };
  const provider = new Provider(issuer, {
    clients: [
      { ...common, client_id: "waystation", client_secret: process.env.OIDC_CLIENT_SECRET },
      { ...common, client_id: "posting", client_secret: process.env.OIDC_CLIENT_SECRET, token_endpoint_auth_method: "client_secret_post" },
      { ...common, client_id: "public", token_endpoint_auth_method: "none" },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
    }),
    cookies: { keys: ["only for tests"] },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
// It ends with whoever started it.
process.stdin.on("end", () => process.exit()).resume();
