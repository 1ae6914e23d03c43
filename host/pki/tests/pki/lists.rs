//! Revocation lists.

use waystation_pki::{CrlNumber, Reason, RevocationList, Revoked, Serial};

use crate::support::{authority, later, now};

fn revoked() -> Vec<Revoked> {
    let reasons = [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::PrivilegeWithdrawn,
    ];
    reasons.map(|reason| Revoked { serial: Serial::random(), at: later(-3), reason }).to_vec()
}

#[test]
fn a_list_comes_back_as_it_was_signed() {
    let authority = authority();
    let all = revoked();
    let twice = [all.as_slice(), &all[..1]].concat();
    let list = authority.revocation_list(&twice, CrlNumber(7), now(), later(7)).unwrap();
    assert_eq!((list.number, list.this_update, list.next_update), (CrlNumber(7), now(), later(7)));
    assert_eq!(list.revoked, all, "each serial once");
    for input in [list.der().to_vec(), list.to_pem().into_bytes()] {
        let read = RevocationList::read(&input, authority.certificate(), Some(CrlNumber(7)), now());
        assert_eq!(read, Ok(list.clone()));
    }
    let empty = authority.revocation_list(&[], CrlNumber(u64::MAX), now(), later(1)).unwrap();
    assert!(empty.revoked.is_empty());
    assert_eq!(empty.number.next(), CrlNumber(u64::MAX));
}

#[test]
fn a_list_is_refused_that_is_forged_old_or_overdue() {
    let authority = authority();
    let list = authority.revocation_list(&revoked(), CrlNumber(7), now(), later(7)).unwrap();
    let read = |der: &[u8], seen, at| {
        RevocationList::read(der, authority.certificate(), seen, at).map_err(|e| e.code()).err()
    };
    assert_eq!(read(list.der(), Some(CrlNumber(8)), now()), Some("crl-rolled-back"));
    assert_eq!(read(list.der(), None, later(8)), Some("crl-expired"));
    assert_eq!(read(b"", None, now()), Some("crl-malformed"));
    assert_eq!(read(authority.certificate().certificate().der(), None, now()), Some("crl-malformed"));
    let other = crate::support::authority();
    let theirs = other.revocation_list(&revoked(), CrlNumber(7), now(), later(7)).unwrap();
    assert_eq!(read(theirs.der(), None, now()), Some("crl-untrusted"));
    for place in 0..list.der().len() {
        let mut damaged = list.der().to_vec();
        damaged[place] ^= 4;
        assert!(read(&damaged, None, now()).is_some(), "{place}");
    }
    let backwards = authority.revocation_list(&[], CrlNumber(1), now(), now());
    assert_eq!(backwards.map_err(|e| e.code()).err(), Some("crl-malformed"));
    let ended = authority.revocation_list(&[], CrlNumber(1), later(5 * 365 + 2), later(5 * 365 + 3));
    assert_eq!(ended.map_err(|e| e.code()).err(), Some("authority-expired"));
}
