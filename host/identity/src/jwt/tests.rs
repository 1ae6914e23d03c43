#![allow(clippy::unwrap_used, reason = "tests")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::error::IdentityError;

/// Tokens of PyJWT 2.15.1, with the keys of `ring` and the claims of `claims`.
const PYJWT_HS256: &str = include_str!("../../../../fuzz/seeds/jwt/pyjwt");
const PYJWT_EDDSA: &str = include_str!("../../../../fuzz/seeds/jwt/pyjwt-eddsa");

const SITE: Site<'static> = Site { issuer: "https://fuzz.example", audience: "api" };
const NOW: i64 = 1_795_305_600;
const KINDS: [PurposeKind; 2] = [PurposeKind::Access, PurposeKind::Viewer];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn hs256() -> KeyRing {
    KeyRing::new(JwtKey::hs256(&[b'k'; 32]).unwrap())
}

fn eddsa() -> KeyRing {
    KeyRing::new(JwtKey::ed25519([7; 32]))
}

fn viewer() -> Purpose {
    Purpose::Viewer {
        session: "00112233445566778899aabbccddeeff".parse().unwrap(),
        access: ViewerAccess::View,
    }
}

fn claims(purpose: Purpose) -> Claims {
    let id = |last: char| format!("0197f8a0-1c2d-7def-8123-456789abcde{last}");
    let who = ("main".parse().unwrap(), id('f').parse().unwrap(), id('0').parse().unwrap());
    Claims::new(id('1').parse().unwrap(), who, purpose, at(NOW))
}

fn parts(text: &str) -> [Vec<u8>; 3] {
    let parts: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    parts.try_into().unwrap()
}

/// A token of these very texts, with a true signature of the ring's key.
fn made(ring: &KeyRing, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring.current().sign(message.as_bytes())))
}

/// Header and claims of a good access token.
fn good(ring: &KeyRing) -> (Value, Value) {
    let [header, body, _] = parts(&ring.sign(&SITE, &claims(Purpose::Access)).unwrap());
    (serde_json::from_slice(&header).unwrap(), serde_json::from_slice(&body).unwrap())
}

fn code(ring: &KeyRing, text: &str) -> &'static str {
    ring.verify(&SITE, PurposeKind::Access, text, at(NOW)).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn tokens_are_those_of_another_implementation_byte_by_byte() {
    for (ring, purpose, text) in [(hs256(), Purpose::Access, PYJWT_HS256), (eddsa(), viewer(), PYJWT_EDDSA)] {
        assert_eq!(ring.sign(&SITE, &claims(purpose)).unwrap(), text);
        assert_eq!(ring.verify(&SITE, purpose.kind(), text, at(NOW)), Ok(claims(purpose)));
    }
}

/// RFC 7515, appendix A.1: HMAC with a secret of a whole block; and one that is longer is hashed first.
#[test]
fn a_long_secret_is_used_as_the_standard_says() {
    for length in [32, 63, 64, 65, 200] {
        let secret: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(b"message");
        let signature: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(JwtKey::hs256(&secret).unwrap().sign(b"message"), signature, "{length}");
    }
}

#[test]
fn a_secret_under_32_bytes_is_refused() {
    for length in [0, 1, 31] {
        let error = JwtKey::hs256(&vec![b'x'; length]).unwrap_err();
        assert_eq!(error, IdentityError::WeakSecret(length));
        assert_eq!(error.code(), "weak-jwt-secret");
    }
    assert!(JwtKey::hs256(&[b'x'; 32]).is_ok());
    assert!(JwtKey::hs256(&[b'\n'; 32]).is_ok(), "random bytes may be any");
    assert!(!format!("{:?} {:?}", hs256(), JwtKey::ed25519([b'k'; 32])).contains("107"));
}

/// The header never chooses the algorithm: RFC 8725, sections 2.1, 2.2 and 3.1.
#[test]
fn the_algorithm_is_the_keys() {
    for (ring, other) in [(hs256(), "EdDSA"), (eddsa(), "HS256")] {
        let (header, body) = good(&ring);
        let body = body.to_string();
        for algorithm in [
            "none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "hs256", "eddsa",
            "Ed25519", other,
        ] {
            let mut header = header.clone();
            header["alg"] = json!(algorithm);
            let text = made(&ring, &header.to_string(), &body);
            assert_eq!(code(&ring, &text), "jwt-signature", "{algorithm}");
            // And with what such an algorithm would have: nothing.
            let unsigned = format!("{}.", text.rsplit_once('.').unwrap().0);
            assert_eq!(code(&ring, &unsigned), "jwt-signature", "{algorithm}");
        }
    }
    // The public key is known to everybody; it is not taken for a secret.
    let ring = eddsa();
    let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
    let (mut header, body) = good(&ring);
    for algorithm in ["HS256", "EdDSA"] {
        header["alg"] = json!(algorithm);
        let message =
            [header.to_string(), body.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let forged = KeyRing::new(JwtKey::hs256(&public).unwrap()).current().sign(message.as_bytes());
        let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(forged));
        assert_eq!(code(&ring, &text), "jwt-signature", "{algorithm}");
    }
}

#[test]
fn a_header_is_the_one_that_is_written_here() {
    let ring = hs256();
    let (header, body) = good(&ring);
    let (plain, body) = (header.to_string(), body.to_string());
    assert_eq!(code(&ring, &made(&ring, &plain, &body)), "ok");
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header.to_string()
    };
    let without = |name: &str| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().remove(name);
        header.to_string()
    };
    let kid = header["kid"].as_str().unwrap();
    for (bad, expected) in [
        (with("crit", json!(["exp"])), "invalid-jwt"),
        (with("crit", json!([])), "invalid-jwt"),
        (with("b64", json!(true)), "invalid-jwt"),
        (with("jwk", json!({ "kty": "oct", "k": "AAAA" })), "invalid-jwt"),
        (with("jku", json!("https://fuzz.example/keys")), "invalid-jwt"),
        (with("x5u", json!("https://fuzz.example/chain")), "invalid-jwt"),
        (with("zip", json!("DEF")), "invalid-jwt"),
        (with("typ", json!("jwt")), "invalid-jwt"),
        (with("typ", json!("at+jwt")), "invalid-jwt"),
        (with("typ", Value::Null), "invalid-jwt"),
        (with("alg", json!(["HS256"])), "invalid-jwt"),
        (with("alg", Value::Null), "invalid-jwt"),
        (with("kid", json!("../../dev/null")), "unknown-jwt-key"),
        (with("kid", json!("")), "unknown-jwt-key"),
        (with("kid", json!(kid.to_uppercase())), "unknown-jwt-key"),
        (without("typ"), "invalid-jwt"),
        (without("alg"), "invalid-jwt"),
        (without("kid"), "invalid-jwt"),
        (format!("{},\"alg\":\"HS256\"}}", &plain[..plain.len() - 1]), "invalid-jwt"),
        (format!("{},\"kid\":\"{kid}\"}}", &plain[..plain.len() - 1]), "invalid-jwt"),
        (format!("[\"HS256\",\"{kid}\",\"JWT\"]"), "invalid-jwt"),
        (format!("{plain}{plain}"), "invalid-jwt"),
        (format!(" {plain}"), "invalid-jwt"),
        (String::new(), "invalid-jwt"),
        ("null".into(), "invalid-jwt"),
    ] {
        assert_eq!(code(&ring, &made(&ring, &bad, &body)), expected, "{bad}");
    }
}

#[test]
fn claims_are_those_that_are_written_here() {
    let ring = hs256();
    let (header, body) = good(&ring);
    let (header, plain) = (header.to_string(), body.to_string());
    let with = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body.to_string()
    };
    let mut bad = vec![
        (with("iss", json!("https://other.example")), "jwt-audience"),
        (with("iss", json!("https://fuzz.example/")), "jwt-audience"),
        (with("aud", json!("relay")), "jwt-audience"),
        (with("aud", json!("")), "jwt-audience"),
        (with("aud", json!(["api"])), "invalid-jwt"),
        (with("purpose", json!("viewer")), "jwt-purpose"),
        (with("purpose", json!("refresh")), "invalid-jwt"),
        (with("session", json!("00112233445566778899aabbccddeeff")), "invalid-jwt"),
        (with("access", json!("control")), "invalid-jwt"),
        (with("sub", json!("admin")), "invalid-jwt"),
        (with("tenant", json!("Main")), "invalid-jwt"),
        (with("tenant", json!("")), "invalid-jwt"),
        (with("roles", json!(["owner"])), "invalid-jwt"),
        (with("exp", json!("1795306500")), "invalid-jwt"),
        (with("exp", json!(1_795_306_500.0)), "invalid-jwt"),
        (with("exp", json!(u64::MAX)), "invalid-jwt"),
        (with("exp", json!(i64::MAX)), "invalid-jwt"),
        (with("exp", json!(NOW + 901)), "invalid-jwt"),
        (with("exp", json!(NOW)), "invalid-jwt"),
        (with("exp", json!(NOW - 1)), "invalid-jwt"),
        (with("exp", json!(-1)), "invalid-jwt"),
        (with("exp", Value::Null), "invalid-jwt"),
        (with("nbf", json!(NOW - 1)), "invalid-jwt"),
        (with("nbf", json!(NOW + 1)), "invalid-jwt"),
        (with("iat", json!(i64::MIN)), "invalid-jwt"),
        (format!("{},\"exp\":{}}}", &plain[..plain.len() - 1], NOW + 900), "invalid-jwt"),
        (format!("{},\"sub\":{}}}", &plain[..plain.len() - 1], body["sub"]), "invalid-jwt"),
        (Value::from_iter(body.as_object().unwrap().values().cloned()).to_string(), "invalid-jwt"),
        (format!("{plain}x"), "invalid-jwt"),
        ("{}".into(), "invalid-jwt"),
    ];
    for name in body.as_object().unwrap().keys() {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(name);
        bad.push((body.to_string(), "invalid-jwt"));
    }
    assert_eq!(bad.len(), 40);
    for (bad, expected) in bad {
        assert_eq!(code(&ring, &made(&ring, &header, &bad)), expected, "{bad}");
    }
}

#[test]
fn a_token_is_for_one_purpose_one_host_and_one_audience() {
    for ring in [hs256(), eddsa()] {
        for purpose in [Purpose::Access, viewer()] {
            let text = ring.sign(&SITE, &claims(purpose)).unwrap();
            for kind in KINDS {
                let answer = ring.verify(&SITE, kind, &text, at(NOW));
                assert_eq!(answer.is_ok(), kind == purpose.kind());
                assert!(answer.is_ok() || answer == Err(IdentityError::Purpose));
            }
            for site in [Site { issuer: "https://other.example", ..SITE }, Site { audience: "relay", ..SITE }]
            {
                assert_eq!(ring.verify(&site, purpose.kind(), &text, at(NOW)), Err(IdentityError::Audience));
            }
        }
    }
    assert_eq!(
        hs256().verify(&SITE, PurposeKind::Viewer, PYJWT_EDDSA, at(NOW)),
        Err(IdentityError::UnknownKey)
    );
}

/// A minute of difference between clocks is borne, either way, and not a second more.
#[test]
fn times_hold_at_their_edges() {
    for (purpose, life) in [(Purpose::Access, 900), (viewer(), 300)] {
        let text = hs256().sign(&SITE, &claims(purpose)).unwrap();
        for (second, expected) in [
            (NOW - 61, Some("jwt-not-yet")),
            (NOW - 60, None),
            (NOW, None),
            (NOW + life + 59, None),
            (NOW + life + 60, Some("token-expired")),
            (NOW + 1_000_000, Some("token-expired")),
            (0, Some("jwt-not-yet")),
        ] {
            let answer = hs256().verify(&SITE, purpose.kind(), &text, at(second));
            assert_eq!(answer.err().map(|error| error.code()), expected, "{second}");
        }
    }
}

#[test]
fn keys_are_exchanged_with_overlap() {
    let (old, new) = ([b'o'; 32], [b'n'; 32]);
    let key = |secret: &[u8]| JwtKey::hs256(secret).unwrap();
    let before = KeyRing::new(key(&old)).sign(&SITE, &claims(Purpose::Access)).unwrap();
    let until = at(NOW + 960);
    let ring = KeyRing::new(key(&new)).with_retired(key(&old), until).unwrap();
    let verify = |text: &str, second: i64| ring.verify(&SITE, PurposeKind::Access, text, at(second));
    assert!(verify(&before, NOW + 959).is_ok());
    assert_eq!(verify(&before, NOW + 960), Err(IdentityError::UnknownKey));
    let after = ring.sign(&SITE, &claims(Purpose::Access)).unwrap();
    assert!(verify(&after, NOW).is_ok());
    assert_eq!(
        KeyRing::new(key(&old)).verify(&SITE, PurposeKind::Access, &after, at(NOW)),
        Err(IdentityError::UnknownKey)
    );
    let twice = KeyRing::new(key(&new)).with_retired(key(&new), until).unwrap_err();
    assert_eq!(twice.code(), "jwt-secret-twice");
    let mut many = KeyRing::new(key(&new));
    for n in 0..8 {
        many = many.with_retired(key(&[n; 32]), until).unwrap();
    }
    assert_eq!(many.with_retired(key(&[9; 32]), until).unwrap_err().code(), "too-many-jwt-secrets");
}

#[test]
fn what_has_not_the_form_of_a_token_is_refused() {
    let ring = hs256();
    let text = ring.sign(&SITE, &claims(Purpose::Access)).unwrap();
    let [header, body, signature] =
        text.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.clone(),
        format!("{header}.{body}"),
        format!("{text}."),
        format!(".{text}"),
        format!("{text}.{signature}"),
        format!("{header}..{signature}"),
        format!(" {text}"),
        format!("{text}\n"),
        format!("Bearer {text}"),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{body}.{signature}="),
        text.replace('.', ":"),
        format!("{header}.{body}.{signature}A"),
        format!("{header}.{body}.+/{}", &signature[2..]),
    ] {
        assert!(
            ["invalid-jwt", "jwt-signature"].contains(&code(&ring, &bad)),
            "{bad:?} {}",
            code(&ring, &bad)
        );
    }
    assert_eq!(code(&ring, &"a".repeat(MAX_JWT + 1)), "invalid-jwt");
    // At the edge of the length, with a name of the host that fills it; one more is not made.
    let long = |length: usize| "x".repeat(length);
    let sign = |length: usize| ring.sign(&Site { issuer: &long(length), ..SITE }, &claims(Purpose::Access));
    let (mut length, mut last) = (2_000, sign(2_000).unwrap());
    while let Ok(text) = sign(length) {
        (length, last) = (length + 1, text);
    }
    assert!(last.len() <= MAX_JWT && last.len() > MAX_JWT - 3, "{}", last.len());
    let issuer = long(length - 1);
    assert!(ring.verify(&Site { issuer: &issuer, ..SITE }, PurposeKind::Access, &last, at(NOW)).is_ok());
}

proptest! {
    /// Any changed, missing or added character, of any part, is refused.
    #[test]
    fn no_change_of_a_token_is_accepted(at_index: prop::sample::Index, to in "[A-Za-z0-9_.=-]", hs: bool) {
        let ring = if hs { hs256() } else { eddsa() };
        let text = ring.sign(&SITE, &claims(Purpose::Access)).unwrap();
        let n = at_index.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(n..=n, &to);
        prop_assert_eq!(code(&ring, &changed) == "ok", changed == text, "{}", changed);
        let mut shorter = text.clone();
        shorter.remove(n);
        prop_assert_ne!(code(&ring, &shorter), "ok");
        let mut longer = text;
        longer.insert_str(n, &to);
        prop_assert_ne!(code(&ring, &longer), "ok");
    }

    /// Whoever has a key of their own signs nothing that counts here, whatever they call it.
    #[test]
    fn nobody_else_signs(seed: [u8; 32], hs: bool) {
        prop_assume!(seed != [7; 32] && seed != [b'k'; 32]);
        let ring = if hs { hs256() } else { eddsa() };
        let (header, body) = good(&ring);
        for key in [JwtKey::hs256(&seed).unwrap(), JwtKey::ed25519(seed)] {
            let thief = KeyRing::new(key);
            prop_assert_eq!(code(&ring, &made(&thief, &header.to_string(), &body.to_string())), "jwt-signature");
            prop_assert_eq!(code(&ring, &thief.sign(&SITE, &claims(Purpose::Access)).unwrap()), "unknown-jwt-key");
        }
    }

    #[test]
    fn what_is_signed_reads_the_same(ms in 0i64..4_000_000_000_000, view: bool, control: bool, session: [u8; 16]) {
        let now = Timestamp::from_millisecond(ms).unwrap();
        let access = if control { ViewerAccess::Control } else { ViewerAccess::View };
        let purpose = if view { Purpose::Viewer { session: waystation_core::ticket::SessionId::new(session), access } } else { Purpose::Access };
        let like = claims(purpose);
        let said = Claims::new(like.id, (like.tenant, like.user, like.login), purpose, now);
        for ring in [hs256(), eddsa()] {
            let text = ring.sign(&SITE, &said).unwrap();
            prop_assert_eq!(ring.verify(&SITE, purpose.kind(), &text, now), Ok(said.clone()));
            let over = now.checked_add(SignedDuration::from_secs(961)).unwrap();
            prop_assert_eq!(ring.verify(&SITE, purpose.kind(), &text, over), Err(IdentityError::Expired));
        }
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        prop_assert_ne!(code(&hs256(), &text), "ok");
        prop_assert_ne!(code(&eddsa(), &text), "ok");
    }
}
