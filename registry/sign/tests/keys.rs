//! Keys on this machine and behind a program.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use secrecy::{ExposeSecret as _, SecretString};
use waystation_sign::{Algorithm, Command, Key, PublicKey, SignError, Signer};

const ALGORITHMS: [Algorithm; 2] = [Algorithm::P256, Algorithm::Ed25519];

fn code<T>(outcome: Result<T, SignError>) -> &'static str {
    outcome.map_or_else(|e| e.code(), |_| "ok")
}

#[test]
fn a_key_comes_back_from_its_file() {
    let passphrase = SecretString::from("correct horse");
    for algorithm in ALGORITHMS {
        let key = Key::generate(algorithm);
        for passphrase in [None, Some(&passphrase)] {
            let pem = key.to_pem(passphrase).unwrap();
            let encrypted = pem.expose_secret().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
            assert_eq!(encrypted, passphrase.is_some());
            let back = Key::from_pem(&pem, passphrase).unwrap();
            assert_eq!(back.public(), key.public());
            assert_eq!(back.sign(b"message").unwrap(), key.sign(b"message").unwrap());
        }
        let public = PublicKey::from_pem(&key.public().to_pem().unwrap()).unwrap();
        assert_eq!(public.fingerprint(), key.public().fingerprint());
        assert!(public.verifies(b"message", &key.sign(b"message").unwrap()));
        assert!(!public.verifies(b"another", &key.sign(b"message").unwrap()));
    }
    assert_ne!(Key::generate(Algorithm::P256).public(), Key::generate(Algorithm::P256).public());
}

#[test]
fn a_key_opens_with_its_passphrase_alone() {
    for algorithm in ALGORITHMS {
        let pem = Key::generate(algorithm).to_pem(Some(&"right".into())).unwrap();
        assert_eq!(code(Key::from_pem(&pem, None)), "passphrase-needed");
        assert_eq!(code(Key::from_pem(&pem, Some(&"wrong".into()))), "passphrase-wrong");
        assert_eq!(code(Key::from_pem(&pem, Some(&"right".into()))), "ok");
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let whole = Key::generate(Algorithm::P256).to_pem(None).unwrap();
    let whole = whole.expose_secret();
    let public = Key::generate(Algorithm::P256).public().to_pem().unwrap();
    let half = whole.chars().take(80).collect::<String>();
    for bad in ["", "hello", public.as_str(), half.as_str(), &whole.replace("PRIVATE", "EC PRIVATE")] {
        let refused = Key::from_pem(&bad.into(), None);
        assert_eq!(code(refused), "key-malformed", "{bad:?}");
    }
    assert_eq!(code(PublicKey::from_pem(whole)), "public-key-malformed");
}

#[test]
fn a_key_does_not_print() {
    let key = Key::generate(Algorithm::Ed25519);
    let pem = key.to_pem(None).unwrap();
    let body = pem.expose_secret().lines().nth(1).unwrap();
    let (shown, shown_pem) = (format!("{key:?}"), format!("{pem:?}"));
    assert!(
        shown.contains(&key.public().fingerprint()) && !shown.contains(body) && !shown_pem.contains(body)
    );
}

#[test]
fn a_program_signs_and_its_answer_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    for (algorithm, wrapped) in ALGORITHMS.into_iter().zip([false, true]) {
        let key = Key::generate(algorithm);
        let signature = key.sign(b"message").unwrap();
        let file = folder.path().join("signature");
        if wrapped {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&signature);
            std::fs::write(&file, format!("{}\n{}\n", &text[..10], &text[10..])).unwrap();
        } else {
            std::fs::write(&file, &signature).unwrap();
        }
        // It reads all of the message before it answers, as a real one does.
        let script = "cat > /dev/null; cat \"$0\"".into();
        let arguments = vec!["-c".into(), script, file.clone().into()];
        let command = Command::new("/bin/sh".into(), arguments, key.public().clone());
        assert_eq!(command.sign(b"message").unwrap(), signature);
        assert_eq!(code(command.sign(b"another message")), "signature-mismatch");
    }
}

#[test]
fn a_program_that_fails_is_named() {
    let public = Key::generate(Algorithm::P256).public().clone();
    let run = |program: &str, arguments: &[&str]| {
        let arguments = arguments.iter().map(Into::into).collect();
        Command::new(program.into(), arguments, public.clone()).sign(&[0; 1 << 20]).unwrap_err()
    };
    let failed = run("/bin/sh", &["-c", "exit 3"]);
    assert_eq!(failed.code(), "command-failed");
    assert!(failed.to_string().contains("/bin/sh") && failed.to_string().contains('3'), "{failed}");
    assert_eq!(run("/nowhere/signer", &[]).code(), "command-failed");
    assert_eq!(run("/bin/sh", &["-c", "cat > /dev/null"]).code(), "signature-mismatch");
    // One that answers without end does not fill the memory.
    assert_eq!(run("/bin/sh", &["-c", "exec cat /dev/zero"]).code(), "command-failed");
}
