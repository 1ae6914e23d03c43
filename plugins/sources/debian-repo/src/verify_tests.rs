use super::*;
use crate::test_keys::*;

fn trust(keys: &[&str]) -> Trust {
    Trust::Keys(keyring(keys))
}

fn refusal(keys: &[&str], document: &str, now: u64) -> String {
    let problem = inline(&trust(keys), document, now).unwrap_err();
    assert_eq!(problem.code(), "bad-signature", "{problem}");
    problem.to_string()
}

#[test]
fn what_a_trusted_key_signed_is_believed() {
    for (keys, document) in [
        (&[PLAIN][..], BY_PLAIN),
        (&[SPLIT], BY_SPLIT),
        (&[SPLIT, PLAIN], BY_PLAIN),
        (&[EXPIRED, PLAIN], BY_PLAIN),
        (&[PLAIN], BY_BOTH),
    ] {
        let (text, until) = inline(&trust(keys), document, NOW).unwrap();
        assert_eq!((text.as_str(), until), (DOCUMENT, None));
    }
}

#[test]
fn anything_else_is_refused_and_says_why() {
    let cases = [
        (&[PLAIN][..], BY_STRANGER, NOW, "not in `signed_by`"),
        (&[PLAIN], BY_SPLIT, NOW, "not in `signed_by`"),
        (&[EXPIRED], BY_EXPIRED, NOW, "expired on 2026-01-01"),
        (&[REVOKED], BY_REVOKED, NOW, "was revoked"),
        (&[SHORT], BY_SHORT, NOW, "1024 bits"),
        (&[PLAIN], WITH_SHA1, NOW, "SHA1"),
        (&[PLAIN], BRIEF, NOW + DAY, "its signature expired on 2026-01-02"),
        (&[PLAIN], BY_PLAIN, NOW - 3 * DAY, "in the future"),
        (&[PLAIN], DOCUMENT, NOW, "does not start with a signed message"),
    ];
    for (keys, document, now, part) in cases {
        let message = refusal(keys, document, now);
        assert!(message.contains(part), "{message} / {part}");
    }
}

#[test]
fn every_changed_line_is_noticed() {
    for (from, to) in [
        ("main", "evil"),
        ("Suite: stable", "Suite: stable\nX: y"),
        (" 0 main", " 1 main"),
        ("a line", "a lie"),
    ] {
        let document = BY_PLAIN.replacen(from, to, 1);
        assert_ne!(document, BY_PLAIN, "{from}");
        assert!(refusal(&[PLAIN], &document, NOW).contains("does not fit the document"), "{from}");
    }
    // White space at the end of lines and the kind of their ends are not part of what is signed.
    let other_ends = BY_PLAIN.replace('\n', " \r\n");
    assert_eq!(inline(&trust(&[PLAIN]), &other_ends, NOW).unwrap().0, DOCUMENT);
}

#[test]
fn how_long_it_holds_is_told() {
    let until = 1_767_225_600 + DAY;
    assert_eq!(inline(&trust(&[PLAIN]), BRIEF, until - 1).unwrap().1, Some(until));
    assert_eq!(inline(&trust(&[EXPIRED]), BY_EXPIRED, NOW - 10 * DAY).unwrap().1, Some(1_767_225_600));
}

#[test]
fn a_signature_beside_the_document_counts_too() {
    let keys = trust(&[PLAIN]);
    for file in [ARMORED, BINARY] {
        assert_eq!(detached(&keys, DOCUMENT.as_bytes(), file, NOW).unwrap(), None);
        let changed = DOCUMENT.replace("amd64", "arm64");
        assert_eq!(detached(&keys, changed.as_bytes(), file, NOW).unwrap_err().code(), "bad-signature");
    }
    for file in [&b""[..], b"nonsense", b"-----BEGIN PGP SIGNATURE-----\n", PLAIN.as_bytes(), &[0x99; 70_000]]
    {
        assert_eq!(detached(&keys, DOCUMENT.as_bytes(), file, NOW).unwrap_err().code(), "bad-signature");
    }
}

#[test]
fn without_trust_everything_is_taken() {
    assert_eq!(inline(&Trust::Anybody, BY_STRANGER, NOW).unwrap(), (DOCUMENT.to_owned(), None));
    assert_eq!(inline(&Trust::Anybody, DOCUMENT, NOW).unwrap(), (DOCUMENT.to_owned(), None));
    assert_eq!(detached(&Trust::Anybody, b"x", b"", NOW).unwrap(), None);
}

fn seen(date: u64, good_until: Option<u64>, http: Option<&str>) -> Option<Seen> {
    Some(Seen { date, good_until, indexes: "i".to_owned(), http: http.map(str::to_owned) })
}

#[test]
fn a_condition_needs_agreement_and_a_document_in_force() {
    let fresh = seen(1, Some(10), Some("etag:a"));
    let other = seen(1, None, Some("etag:b"));
    let without = seen(1, None, None);
    assert_eq!(condition(&[fresh.as_ref(), fresh.as_ref()], 5), Some("etag:a"));
    assert_eq!(condition(&[fresh.as_ref(), fresh.as_ref()], 10), None);
    assert_eq!(condition(&[fresh.as_ref(), None], 5), None);
    assert_eq!(condition(&[fresh.as_ref(), other.as_ref()], 5), None);
    assert_eq!(condition(&[without.as_ref()], 5), None);
    assert_eq!(condition(&[], 5), None);
}

#[test]
fn time_does_not_go_back() {
    let (older, same, newer) = (seen(4, None, None), seen(5, None, None), seen(6, None, None));
    let now = seen(5, None, None).unwrap();
    assert!(not_older(&now, &[None, same.as_ref(), older.as_ref()]).is_ok());
    let problem = not_older(&now, &[newer.as_ref()]).unwrap_err();
    assert_eq!((problem.code(), problem.retryable()), ("stale-release", true));
}

#[test]
fn an_index_must_be_the_listed_one() {
    let listed = Listed {
        path: "main/binary-amd64/Packages".to_owned(),
        size: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
    };
    assert!(same_file(b"abc", &listed).is_ok());
    for other in [&b"abd"[..], b"ab", b"abcd"] {
        assert_eq!(same_file(other, &listed).unwrap_err().code(), "digest-mismatch");
    }
    assert_eq!(not_listed(Error::too_large("x"), &listed).code, "digest-mismatch");
    assert_eq!(not_listed(Error::not_found("x"), &listed).code, "digest-mismatch");
    assert_eq!(not_listed(Error::timeout("x"), &listed).code, "timeout");
}

proptest::proptest! {
    #[test]
    fn no_change_of_a_signature_makes_it_panic_or_pass(at in 0_usize..142, value in proptest::prelude::any::<u8>()) {
        let mut file = BINARY.to_vec();
        let length = file.len();
        let same = std::mem::replace(&mut file[at % length], value) == value;
        let changed = DOCUMENT.replace("main", "evil");
        let keys = trust(&[PLAIN]);
        proptest::prop_assert!(detached(&keys, changed.as_bytes(), &file, NOW).is_err());
        proptest::prop_assert!(!same || detached(&keys, DOCUMENT.as_bytes(), &file, NOW).is_ok());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let keys = trust(&[PLAIN]);
        proptest::prop_assert!(detached(&keys, DOCUMENT.as_bytes(), &bytes, NOW).is_err());
        let _ = inline(&keys, &String::from_utf8_lossy(&bytes), NOW);
    }
}
