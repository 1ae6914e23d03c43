//! A site from nothing: signed by its own key, believed by its own policy.

use jiff::{SignedDuration, Timestamp};
use waystation_bundle::{ContentDigest, Kind, Limits, Package, PackageWriter, Statement};
use waystation_sign::{Algorithm, Authority, Key, PublicKey, Signer as _, attest, sign_file};
use waystation_trust::{Evidence, RevocationSource, Revocations, State, TrustPolicy};
use waystation_verify::{Roots, TrustRoot};

use super::{List, Made, New, Revoked, SiteError, add_key, found, name_revocations, signer_of};

fn code<T>(outcome: Result<T, SiteError>) -> &'static str {
    outcome.map_or_else(|e| e.code(), |_| "ok")
}

fn made(namespace: &str) -> Made {
    let kinds = ["update-source".to_owned(), "notifier".to_owned()];
    found(&New { namespace, kinds: &kinds, now: Timestamp::now() }, None).unwrap()
}

fn package(name: &str) -> Package {
    let manifest =
        format!("name = \"{name}\"\nversion = \"1.0.0\"\nkind = \"update-source@0.1\"\nsummary = \"x\"\n");
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let text = format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))");
    PackageWriter::new(wat::parse_str(text).unwrap(), &Limits::DEFAULT).unwrap().finish().unwrap()
}

fn sign(package: &mut Package, key: &Key, authority: &Authority, at: Timestamp) {
    let statement = Statement::of(package).unwrap().to_json().unwrap();
    let signed = attest(&statement, key).unwrap();
    let stamp = authority.stamp(signed.signature(), at).unwrap();
    let bundle = signed.stamped(stamp).to_json().unwrap();
    package.attach(Kind::Signature, bundle, &Limits::DEFAULT).unwrap();
}

/// What a package comes to under a policy text.
fn state(package: &Package, policy: &str, made: &Made, revoked: Option<&Revocations>) -> (State, String) {
    let policy = TrustPolicy::parse(policy).unwrap();
    let roots = Roots::default().for_domain("default", TrustRoot::parse(made.root.as_bytes()).unwrap());
    let judged = policy.judge(&Evidence::of(package), &roots, revoked, Timestamp::now());
    (judged.state, judged.message)
}

#[test]
fn what_a_site_signs_it_believes() {
    let site = made("acme");
    let key = Key::from_pem(&site.key, None).unwrap();
    let authority = Authority::from_pem(&site.authority, None).unwrap();
    assert!(site.root.contains("\"commonName\": \"acme timestamps\""), "{}", site.root);
    let mut ours = package("acme/tool");
    assert_eq!(state(&ours, &site.policy, &site, None).0, State::Unsigned);
    sign(&mut ours, &key, &authority, Timestamp::now());
    let (found, why) = state(&ours, &site.policy, &site, None);
    assert_eq!(found, State::Verified, "{why}");
    // Another site with the same names is another site.
    let other = made("acme");
    assert_eq!(state(&ours, &other.policy, &other, None).0, State::UntrustedSigner);
    let mut theirs = package("acme/tool");
    sign(&mut theirs, &key, &Authority::from_pem(&other.authority, None).unwrap(), Timestamp::now());
    assert_eq!(state(&theirs, &site.policy, &site, None).0, State::UntrustedSigner);
    let mut elsewhere = package("other/tool");
    sign(&mut elsewhere, &key, &authority, Timestamp::now());
    assert_eq!(state(&elsewhere, &site.policy, &site, None).0, State::UntrustedSigner);
}

#[test]
fn names_that_could_do_something_to_a_file_are_refused() {
    for bad in ["", "Acme", "a/b", "a\"\n[x]", "a.b", "ä"] {
        let kinds = ["update-source".to_owned()];
        assert_eq!(
            code(found(&New { namespace: bad, kinds: &kinds, now: Timestamp::now() }, None)),
            "bad-name"
        );
        let kinds = [bad.to_owned()];
        assert_eq!(
            code(found(&New { namespace: "a", kinds: &kinds, now: Timestamp::now() }, None)),
            "bad-name"
        );
    }
    assert_eq!(
        code(found(&New { namespace: "a", kinds: &[], now: Timestamp::now() }, None)),
        "trust-malformed"
    );
}

#[test]
fn a_key_is_added_and_comments_stay() {
    let site = made("acme");
    let policy = site.policy.replace("[[namespaces]]", "# ours, since 2026\n[[namespaces]]");
    let second = Key::generate(Algorithm::Ed25519);
    let changed = add_key(&policy, "second", second.public(), "acme", None).unwrap();
    assert!(changed.contains("# ours, since 2026\n[[namespaces]]"), "{changed}");
    assert_eq!(signer_of(&changed, second.public()).unwrap(), "second");
    assert_eq!(signer_of(&changed, &site.public).unwrap(), "acme");
    let mut package = package("acme/tool");
    let authority = Authority::from_pem(&site.authority, None).unwrap();
    sign(&mut package, &second, &authority, Timestamp::now());
    assert_eq!(state(&package, &policy, &site, None).0, State::UntrustedSigner);
    let (found, why) = state(&package, &changed, &site, None);
    assert_eq!(found, State::Verified, "{why}\n{changed}");

    let add = |policy: &str, name: &str, key: &PublicKey, namespace: &str| {
        code(add_key(policy, name, key, namespace, None))
    };
    let third = Key::generate(Algorithm::P256);
    assert_eq!(add(&changed, "second", third.public(), "acme"), "name-taken");
    assert_eq!(add(&changed, "third", second.public(), "acme"), "name-taken");
    assert_eq!(add(&changed, "third", third.public(), "other"), "namespace-unknown");
    assert_eq!(add(&changed, "a.b", third.public(), "acme"), "bad-name");
    assert_eq!(
        add(&changed.replace("any_of", "all_of"), "third", third.public(), "acme"),
        "trust-uneditable"
    );
    assert_eq!(add("version = 1\nx = 1\n", "third", third.public(), "acme"), "trust-malformed");
    assert_eq!(code(add_key(&changed, "third", third.public(), "acme", Some("nowhere"))), "trust-signers");
}

#[test]
fn what_a_site_revokes_does_not_run() {
    let site = made("acme");
    let now = Timestamp::now();
    let ago = |hours| now - SignedDuration::from_hours(hours);
    let (good, bad) = (Key::generate(Algorithm::P256), Key::from_pem(&site.key, None).unwrap());
    let authority = Authority::from_pem(&site.authority, None).unwrap();
    let policy = add_key(&site.policy, "second", good.public(), "acme", None).unwrap();
    let (policy, file) = name_revocations(&policy, "revocations.json", "second").unwrap();
    assert_eq!(file, "revocations.json");
    // A list that is asked for stays asked for, by whom it was.
    assert_eq!(name_revocations(&policy, "other.json", "acme").unwrap(), (policy.clone(), file));
    let mut package = package("acme/tool");
    sign(&mut package, &bad, &authority, now);
    assert_eq!(state(&package, &policy, &site, None).0, State::ExpiredTrust);

    let read = |(number, list): (u64, Vec<u8>), by: &Key| {
        let signed = sign_file(&list, by).unwrap();
        let stamp = authority.stamp(signed.signature(), now).unwrap();
        let bundle = signed.stamped(stamp).to_json().unwrap();
        let source = RevocationSource { list: &list, signatures: &[&bundle], seen: number };
        let roots = Roots::default().for_domain("default", TrustRoot::parse(site.root.as_bytes()).unwrap());
        TrustPolicy::parse(&policy).unwrap().revocations(&source, &roots, now)
    };
    let fingerprint: ContentDigest = bad.public().fingerprint().parse().unwrap();
    let mut list = List::first();
    let (number, first) = list.clone().issue(now, 7, 0).unwrap();
    assert_eq!(number, 1);
    let revocations = read((number, first.clone()), &good).unwrap();
    let (found, why) = state(&package, &policy, &site, Some(&revocations));
    assert_eq!(found, State::Verified, "{why}");
    assert!(read((number, first.clone()), &bad).is_err(), "a list by somebody who may not revoke");

    list = List::parse(&first).unwrap();
    let since = Some(ago(1));
    list.revoke(&Revoked::Key { fingerprint, since }, "laptop stolen").unwrap();
    assert_eq!(code(list.revoke(&Revoked::Key { fingerprint, since }, "again")), "already-revoked");
    let (number, second) = list.issue(now, 7, 0).unwrap();
    assert_eq!(number, 2);
    let revocations = read((number, second.clone()), &good).unwrap();
    let (found, why) = state(&package, &policy, &site, Some(&revocations));
    assert_eq!(found, State::Revoked);
    assert!(why.contains("laptop stolen"), "{why}");

    // All of it, and a digest and an identity.
    let mut list = List::parse(&second).unwrap();
    list.revoke(&Revoked::Key { fingerprint, since: None }, "longer than we thought").unwrap();
    list.revoke(&Revoked::Digest(package.digest()), "bad").unwrap();
    let identity = Revoked::Identity { identity: "a@b".to_owned(), issuer: None, since: None };
    list.revoke(&identity, "left").unwrap();
    let (number, third) = list.issue(now, 7, 0).unwrap();
    let revocations = read((number, third), &good).unwrap();
    assert_eq!(
        (revocations.number(), state(&package, &policy, &site, Some(&revocations)).0),
        (3, State::Revoked)
    );
    assert_eq!(code(List::parse(b"{}")), "revocations-malformed");
}
