//! Timestamps: made here, and read by others, the verification and OpenSSL.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use waystation_sign::{Algorithm, Authority, Key, PublicKey, Query, SignError, Signer, attest, sign_file};
use waystation_verify::{Policy, Request, Roots, Subject, TrustRoot, Verdict, verify};

const FILE: &[u8] = b"the file";

fn code<T>(outcome: Result<T, SignError>) -> &'static str {
    outcome.map_or_else(|e| e.code(), |_| "ok")
}

fn root(authority: &Authority) -> TrustRoot {
    let chain = authority.chain().unwrap();
    let certificates: Vec<_> = chain.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "timestampAuthorities": [{
            "certChain": { "certificates": certificates },
            "validFor": { "start": authority.since().unwrap() },
        }],
    });
    TrustRoot::parse(root.to_string().as_bytes()).unwrap()
}

fn verified(bundle: &[u8], key: &Key, authority: &Authority) -> Verdict {
    let pem = key.public().to_pem().unwrap();
    let policy = format!(
        "version = 1\n[domains.default]\nsct = 0\ntlog = 0\ntsa = 1\n[signers.us]\nkey = \"\"\"{pem}\"\"\"\n\
         [[rules]]\nany_of = [\"us\"]\nmessage = true\npredicate_types = [\"https://example.org/x\"]\n"
    );
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let subject = Subject::of_bytes(FILE.to_vec());
    let roots = Roots::from(root(authority));
    verify(&Request { subject: &subject, bundles: &[bundle] }, &policy, &roots, Timestamp::now())
}

fn statement() -> Vec<u8> {
    let digest = hex::encode(Sha256::digest(FILE));
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "file", "digest": { "sha256": digest } }],
        "predicateType": "https://example.org/x", "predicate": {},
    })
    .to_string()
    .into_bytes()
}

#[test]
fn what_is_signed_with_a_key_and_stamped_is_admitted() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let other = Authority::generate("ours", now).unwrap();
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let key = Key::generate(algorithm);
        for signed in [sign_file(FILE, &key).unwrap(), attest(&statement(), &key).unwrap()] {
            let bare = verified(&signed.to_json().unwrap(), &key, &authority);
            assert!(!bare.admitted, "{bare:?}");
            let stamp = authority.stamp(signed.signature(), now).unwrap();
            assert_eq!(stamp.at().as_second(), now.as_second());
            let bundle = signed.stamped(stamp).to_json().unwrap();
            let verdict = verified(&bundle, &key, &authority);
            assert!(verdict.admitted, "{verdict:?}");
            let verdict = verified(&bundle, &key, &other);
            assert!(!verdict.admitted, "an authority of the same name and another key: {verdict:?}");
        }
    }
}

#[test]
fn a_stamp_of_another_signature_is_refused() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let key = Key::generate(Algorithm::P256);
    let signed = sign_file(FILE, &key).unwrap();
    let stamp = authority.stamp(b"another signature", now).unwrap();
    let verdict = verified(&signed.stamped(stamp).to_json().unwrap(), &key, &authority);
    assert!(!verdict.admitted, "{verdict:?}");
}

/// `openssl` with these arguments.
fn openssl(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let ran = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn openssl_reads_our_keys_and_we_read_what_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (algorithm, genpkey) in [
        (Algorithm::P256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..]),
        (Algorithm::Ed25519, &["-algorithm", "ed25519"][..]),
    ] {
        let key = Key::generate(algorithm);
        std::fs::write(folder.join("key"), key.to_pem(None).unwrap().expose_secret()).unwrap();
        let (read, public) = openssl(folder, &["pkey", "-in", "key", "-pubout"]);
        assert!(read, "{algorithm:?}: {public}");
        assert_eq!(PublicKey::from_pem(&public).unwrap(), *key.public());
        let passphrase: SecretString = "correct horse".into();
        let encrypted = key.to_pem(Some(&passphrase)).unwrap();
        assert_eq!(Key::from_pem(&encrypted, Some(&passphrase)).unwrap().public(), key.public());
        let (made, said) = openssl(folder, &[&["genpkey", "-out", "theirs"], genpkey].concat());
        assert!(made, "{said}");
        let theirs = std::fs::read_to_string(folder.join("theirs")).unwrap();
        assert!(Key::from_pem(&theirs.into(), None).is_ok());
    }
}

#[test]
fn openssl_verifies_what_an_authority_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let stamp = authority.stamp(b"a signature", now).unwrap();
    std::fs::write(folder.join("answer.tsr"), stamp.as_bytes()).unwrap();
    std::fs::write(folder.join("signature"), b"a signature").unwrap();
    std::fs::write(folder.join("other"), b"another signature").unwrap();
    std::fs::write(folder.join("root.der"), authority.chain().unwrap().last().unwrap()).unwrap();
    let (done, said) = openssl(folder, &["x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"]);
    assert!(done, "{said}");
    let verify =
        |file| openssl(folder, &["ts", "-verify", "-data", file, "-in", "answer.tsr", "-CAfile", "root.pem"]);
    let (good, said) = verify("signature");
    assert!(good && said.contains("Verification: OK"), "{said}");
    let (good, said) = verify("other");
    assert!(!good && said.contains("message imprint mismatch"), "{said}");
    let (read, said) = openssl(folder, &["ts", "-reply", "-in", "answer.tsr", "-text"]);
    assert!(read && said.contains("Status: Granted.") && said.contains("seconds"), "{said}");
}

#[test]
fn openssl_asks_and_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = Authority::generate("ours", Timestamp::now()).unwrap();
    std::fs::write(folder.join("data"), b"data").unwrap();
    let (asked, said) =
        openssl(folder, &["ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query"]);
    assert!(asked, "{said}");
    let query = std::fs::read(folder.join("query")).unwrap();
    std::fs::write(folder.join("answer"), authority.answer(&query, Timestamp::now()).unwrap()).unwrap();
    std::fs::write(folder.join("root.der"), authority.chain().unwrap().last().unwrap()).unwrap();
    openssl(folder, &["x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"]);
    let arguments = ["ts", "-verify", "-queryfile", "query", "-in", "answer", "-CAfile", "root.pem"];
    let (good, said) = openssl(folder, &arguments);
    assert!(good, "{said}");
    let (asked, said) = openssl(folder, &["ts", "-query", "-data", "data", "-sha512", "-out", "query"]);
    assert!(asked, "{said}");
    let query = std::fs::read(folder.join("query")).unwrap();
    assert_eq!(code(authority.answer(&query, Timestamp::now())), "timestamp-malformed");
    std::fs::write(folder.join("answer"), authority.respond(&query, Timestamp::now())).unwrap();
    let (_, said) = openssl(folder, &["ts", "-reply", "-in", "answer", "-text"]);
    assert!(said.contains("Status: Rejected.") && said.contains("not permitted or supported"), "{said}");
    let refused = Query::new(b"signature").unwrap().accept(&authority.respond(b"hello", Timestamp::now()));
    assert_eq!(code(refused), "timestamp-refused");
}

#[test]
fn an_answer_to_something_else_is_refused() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let query = Query::new(b"signature").unwrap();
    let answer = authority.answer(query.as_bytes(), now).unwrap();
    assert_eq!(code(query.accept(&answer)), "ok");
    // The same question asked again has another nonce.
    let again = Query::new(b"signature").unwrap();
    assert_eq!(code(again.accept(&answer)), "timestamp-mismatch");
    let other = Query::new(b"other").unwrap();
    assert_eq!(code(other.accept(&answer)), "timestamp-mismatch");
    // Refused, and refused with a token.
    assert_eq!(code(query.accept(&[0x30, 5, 0x30, 3, 2, 1, 2])), "timestamp-refused");
    let mut refused = answer.clone();
    let status = answer.windows(5).position(|five| five == [0x30, 3, 2, 1, 0]).unwrap();
    refused[status + 4] = 2;
    assert_eq!(code(query.accept(&refused)), "timestamp-refused");
    assert_eq!(code(query.accept(&[0x30, 5, 0x30, 3, 2, 1, 0])), "timestamp-malformed");
    for bad in [&[][..], b"<html>", &answer[..answer.len() - 1], &[answer.as_slice(), &[0]].concat()] {
        assert_eq!(code(query.accept(bad)), "timestamp-malformed");
    }
    assert_eq!(code(query.accept(&vec![0x30; Query::MAX_ANSWER + 1])), "timestamp-malformed");
}

#[test]
fn no_byte_of_a_stamp_can_be_changed() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let key = Key::generate(Algorithm::P256);
    let signed = sign_file(FILE, &key).unwrap();
    let query = Query::new(signed.signature()).unwrap();
    let answer = authority.answer(query.as_bytes(), now).unwrap();
    let stamp = query.accept(&answer).unwrap();
    assert!(verified(&signed.clone().stamped(stamp.clone()).to_json().unwrap(), &key, &authority).admitted);
    for (place, bit) in (0..answer.len()).flat_map(|place| [(place, 1), (place, 0x20), (place, 0x80)]) {
        let mut changed = answer.clone();
        changed[place] ^= bit;
        // What is beside the token is not taken over.
        let Ok(changed) = query.accept(&changed) else { continue };
        if changed != stamp {
            let verdict = verified(&signed.clone().stamped(changed).to_json().unwrap(), &key, &authority);
            assert!(!verdict.admitted, "bit {bit} of byte {place}: {verdict:?}");
        }
    }
}

#[test]
fn an_authority_comes_back_from_its_file() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap();
    let passphrase = SecretString::from("correct horse");
    for passphrase in [None, Some(&passphrase)] {
        let pem = authority.to_pem(passphrase).unwrap();
        assert_eq!(pem.expose_secret().contains("ENCRYPTED"), passphrase.is_some());
        let back = Authority::from_pem(&pem, passphrase).unwrap();
        assert_eq!(back.chain().unwrap(), authority.chain().unwrap());
        let later = now + SignedDuration::from_hours(1);
        let stamp = back.stamp(b"signature", later).unwrap();
        assert_eq!(stamp.at().as_second(), later.as_second());
        assert!(!format!("{back:?}").contains(pem.expose_secret().lines().nth(1).unwrap()));
    }
    let encrypted = authority.to_pem(Some(&passphrase)).unwrap();
    assert_eq!(code(Authority::from_pem(&encrypted, None)), "passphrase-needed");
    assert_eq!(code(Authority::from_pem(&encrypted, Some(&"wrong".into()))), "passphrase-wrong");
}

#[test]
fn a_file_that_is_no_authority_is_refused() {
    let now = Timestamp::now();
    let authority = Authority::generate("ours", now).unwrap().to_pem(None).unwrap();
    let other = Authority::generate("ours", now).unwrap().to_pem(None).unwrap();
    let (authority, other) = (authority.expose_secret(), other.expose_secret());
    let begin = "-----BEGIN CERTIFICATE-----";
    let (key, certificates) = authority.split_once(begin).unwrap();
    let (_, theirs) = other.split_once(begin).unwrap();
    let (_, issuer) = certificates.split_once(begin).unwrap();
    let ed25519 = Key::generate(Algorithm::Ed25519).to_pem(None).unwrap();
    for bad in [
        key.to_owned(),
        format!("{key}{begin}{theirs}"),
        format!("{key}{begin}{issuer}"),
        format!("{key}{begin}\nAAAA\n-----END CERTIFICATE-----\n"),
        format!("{key}{begin}\nAAAA\n"),
        format!("{}{begin}{certificates}", ed25519.expose_secret()),
    ] {
        assert_eq!(code(Authority::from_pem(&bad.clone().into(), None)), "authority-malformed", "{bad}");
    }
    assert_eq!(code(Authority::from_pem(&format!("{begin}{certificates}").into(), None)), "key-malformed");
    assert_eq!(code(Authority::from_pem(&"".into(), None)), "authority-malformed");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    /// Whatever comes, it is read or refused: part of an answer, with other bytes in it, or anything at all.
    #[test]
    fn nothing_that_is_read_breaks_the_reader(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
        at in 0usize..1_200,
        cut in 0usize..1_200,
    ) {
        let authority = Authority::generate("ours", Timestamp::from_second(1_760_000_000).unwrap()).unwrap();
        let query = Query::new(b"signature").unwrap();
        let mut answer = authority.answer(query.as_bytes(), Timestamp::now()).unwrap();
        let stamp = query.accept(&answer).unwrap();
        let at = at.min(answer.len());
        let end = (at + bytes.len()).min(answer.len());
        answer.splice(at..end, bytes.iter().copied());
        answer.truncate(answer.len().saturating_sub(cut));
        if let Ok(read) = query.accept(&answer) {
            // It has the imprint and the nonce of the question still.
            proptest::prop_assert!(read.as_bytes().len() > 64 && (cut == 0 || read == stamp));
        }
        let _ = query.accept(&bytes);
        let _ = authority.answer(&bytes, Timestamp::now());
        let _ = Authority::from_pem(&String::from_utf8_lossy(&bytes).into_owned().into(), None);
    }
}
