// Verifies the bundles of a folder as the JavaScript client of Sigstore does, and prints how many nanoseconds that took
// together. Reading files and the trusted root is not counted; parsing a bundle is, as it is for ours.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.WAYSTATION_SIGSTORE_JS, "package.json"));
const { toSignedEntity, toTrustMaterial, Verifier } = require("@sigstore/verify");
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");

const [folder, identity, issuer, count] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name));
const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(read("root.json")))));
const cases = JSON.parse(read("cases.json")).map((name) => [read(`${name}.json`).toString(), read(name)]);
const one = ([bundle, artifact]) => {
  const entity = toSignedEntity(bundleFromJSON(JSON.parse(bundle)), artifact);
  verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
};
// The compiler gets to know the code first.
for (let n = 0; n < 100; n += 1) one(cases[n % cases.length]);
const began = process.hrtime.bigint();
for (let n = 0; n < Number(count); n += 1) one(cases[n % cases.length]);
console.log((process.hrtime.bigint() - began).toString());
