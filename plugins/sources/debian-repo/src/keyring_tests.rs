use super::*;
use crate::test_keys::*;
use base64::Engine;
use pgp::ser::Serialize;

fn parse(entries: &[&str]) -> Result<Keyring, Problem> {
    Keyring::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>())
}

fn binary(keys: &[&str]) -> String {
    let bytes: Vec<u8> = keys
        .iter()
        .flat_map(|key| keyring(&[key]).0.into_iter().flat_map(|key| key.to_bytes().unwrap()))
        .collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn keys_come_in_several_shapes() {
    assert_eq!(parse(&[PLAIN]).unwrap().0.len(), 1);
    assert_eq!(parse(&[PLAIN, SPLIT]).unwrap().0.len(), 2);
    assert_eq!(parse(&[&format!("About this key:\n{PLAIN}\n{SPLIT}")]).unwrap().0.len(), 2);
    assert_eq!(parse(&[&binary(&[PLAIN, SPLIT, EXPIRED])]).unwrap().0.len(), 3);
    let folded = binary(&[PLAIN])
        .as_bytes()
        .chunks(60)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>();
    assert_eq!(parse(&[&folded.join("\n")]).unwrap().0.len(), 1);
}

#[test]
fn what_is_no_key_is_bad_config() {
    let cut = &PLAIN[..PLAIN.len() / 2];
    let secret = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n";
    for (entry, part) in [
        ("", "entry 1"),
        ("x!", "base64"),
        ("AAAA", "entry 1"),
        (cut, "entry 1"),
        (secret, "private key"),
        (DOCUMENT, "entry 1"),
    ] {
        let problem = parse(&[entry]).unwrap_err();
        assert_eq!(problem.code(), "bad-config");
        assert!(problem.to_string().contains(part), "{problem}");
    }
    assert!(parse(&[]).is_err());
    assert!(parse(&[&"A".repeat(MAX_BYTES + 1)]).unwrap_err().to_string().contains("1 MiB"));
}

#[test]
fn a_subkey_grafted_onto_another_key_does_not_sign() {
    let mut keys = keyring(&[PLAIN, SPLIT]).0;
    let split = keys.pop().unwrap();
    let mut victim = keys.pop().unwrap();
    victim.public_subkeys = split.public_subkeys;
    let text = crate::cleartext::Cleartext::parse(BY_SPLIT).unwrap();
    let packets = signature::packets(text.signature.as_bytes()).unwrap();
    let problem = Keyring(vec![victim]).verify(&text.signed_bytes(), &packets, NOW).unwrap_err();
    assert!(problem.to_string().contains("not confirmed"), "{problem}");
}

#[test]
fn a_key_without_its_owners_word_does_not_sign() {
    let text = crate::cleartext::Cleartext::parse(BY_PLAIN).unwrap();
    let packets = signature::packets(text.signature.as_bytes()).unwrap();
    let mut bare = keyring(&[PLAIN]).0;
    bare[0].details.users.clear();
    let problem = Keyring(bare).verify(&text.signed_bytes(), &packets, NOW).unwrap_err();
    assert!(problem.to_string().contains("not confirmed"), "{problem}");
    // The words of another owner do not help.
    let mut other = keyring(&[PLAIN, EXPIRED]).0;
    other[0].details.users = other[1].details.users.clone();
    assert!(Keyring(vec![other.remove(0)]).verify(&text.signed_bytes(), &packets, NOW).is_err());
}

#[test]
fn a_subkey_that_does_not_confirm_its_primary_key_does_not_sign() {
    let text = crate::cleartext::Cleartext::parse(BY_SPLIT).unwrap();
    let packets = signature::packets(text.signature.as_bytes()).unwrap();
    let mut keys = keyring(&[SPLIT]).0;
    for binding in &mut keys[0].public_subkeys[0].signatures {
        while binding.config().is_some_and(|config| !config.unhashed_subpackets.is_empty()) {
            binding.unhashed_subpacket_remove(0).unwrap();
        }
    }
    let problem = Keyring(keys).verify(&text.signed_bytes(), &packets, NOW).unwrap_err();
    assert!(problem.to_string().contains("does not confirm its primary key"), "{problem}");
}

proptest::proptest! {
    #[test]
    fn no_change_of_a_key_makes_it_panic(at in 0_usize..1000, value in proptest::prelude::any::<u8>()) {
        let mut bytes = base64::engine::general_purpose::STANDARD.decode(binary(&[SPLIT])).unwrap();
        let length = bytes.len();
        bytes[at % length] = value;
        if let Ok(keys) = parse(&[&base64::engine::general_purpose::STANDARD.encode(bytes)]) {
            let text = crate::cleartext::Cleartext::parse(BY_SPLIT).unwrap();
            let packets = signature::packets(text.signature.as_bytes()).unwrap();
            let _ = keys.verify(&text.signed_bytes(), &packets, NOW);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = parse(&[&base64::engine::general_purpose::STANDARD.encode(bytes)]);
    }
}
