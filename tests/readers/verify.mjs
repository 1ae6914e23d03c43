// Verifies that a file was signed, as the JavaScript client of Sigstore does it, and prints who signed:
// verify.mjs ROOT BUNDLE FILE key KEY | verify.mjs ROOT BUNDLE FILE identity IDENTITY ISSUER
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.WAYSTATION_SIGSTORE_JS, "package.json"));
const { toSignedEntity, toTrustMaterial, Verifier } = require("@sigstore/verify");
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");

const [rootFile, bundleFile, file, how, who, issuer] = process.argv.slice(2);
const json = (name) => JSON.parse(readFileSync(name));
const root = TrustedRoot.fromJSON(json(rootFile));
const bundle = bundleFromJSON(json(bundleFile));
const entity = toSignedEntity(bundle);
if (how === "key") {
  const found = () => ({ publicKey: createPublicKey(readFileSync(who)), validFor: () => true });
  const none = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 1 };
  new Verifier(toTrustMaterial(root, found), none).verify(entity);
} else {
  const policy = { subjectAlternativeName: who, extensions: { issuer } };
  const signer = new Verifier(toTrustMaterial(root)).verify(entity, policy);
  console.log(signer.identity.subjectAlternativeName);
}
// The client verifies the statement; what it is about is for its user to compare.
const statement = JSON.parse(bundle.content.dsseEnvelope.payload);
const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
if (statement.predicateType !== "urn:waystation:plugin:v1") throw new Error("a statement of another type");
if (!statement.subject.some((subject) => subject.digest.sha256 === digest)) throw new Error("about another file");
