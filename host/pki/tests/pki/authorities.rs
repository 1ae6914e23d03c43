//! Authorities: made, loaded, rotated.

use secrecy::{ExposeSecret as _, SecretString};
use waystation_pki::{
    AUTHORITY_LIFE, Authorities, Authority, AuthorityCertificate, CrlNumber, LegacyAuthority, Organization,
    Version,
};

use crate::support::{
    agent, authority, forged, later, moment, naming, now, openssl, plain, request, subject, trusting,
};

fn load(certificate: &str, key: &SecretString, days: i64) -> Result<Authority, &'static str> {
    Authority::load(certificate.as_bytes(), key, later(days)).map_err(|e| e.code())
}

#[test]
fn an_authority_comes_back_from_its_files_and_issues_on() {
    let made = authority();
    let certificate = made.certificate().certificate();
    assert_eq!(certificate.version(), Version::V3);
    assert_eq!(certificate.not_after(), now().checked_add(AUTHORITY_LIFE).unwrap());
    let back = load(&made.certificate().to_pem(), &made.key_pem(), 1).unwrap();
    assert_eq!(back.certificate().id(), made.certificate().id());
    let (_, identities) = trusting(&[&made]);
    let (credential, _) = agent(&back, "agent:mac");
    assert_eq!(identities.of_certificate(&credential.der, now()).unwrap().name.to_string(), "agent:mac");
    assert_ne!(authority().certificate().id(), made.certificate().id());
}

#[test]
fn what_does_not_belong_together_is_no_authority() {
    let (one, other) = (authority(), authority());
    let pem = one.certificate().to_pem();
    assert_eq!(load(&pem, &one.key_pem(), 0).err(), None);
    assert_eq!(load(&pem, &other.key_pem(), 0).err(), Some("authority-key-mismatch"));
    assert_eq!(load(&pem, &one.key_pem(), 5 * 365 + 2).err(), Some("authority-expired"));
    assert_eq!(load(&pem, &one.key_pem(), -1).err(), Some("authority-not-yet-valid"));
    assert_eq!(load("", &one.key_pem(), 0).err(), Some("certificate-malformed"));
    let two = format!("{pem}{}", other.certificate().to_pem());
    assert_eq!(load(&two, &one.key_pem(), 0).err(), Some("certificate-malformed"));
    let half: String = pem.chars().take(200).collect();
    assert_eq!(load(&half, &one.key_pem(), 0).err(), Some("certificate-malformed"));
    for key in ["", "hello", &pem, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"] {
        assert_eq!(load(&pem, &SecretString::from(key), 0).err(), Some("authority-unusable"), "{key}");
    }
}

#[test]
fn only_an_authority_is_one() {
    use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose as Usage};
    let key = rcgen::KeyPair::generate().unwrap();
    let refused = |is_ca: IsCa, usages: &[Usage]| {
        let mut params = plain("agent:mac");
        params.is_ca = is_ca;
        params.key_usages = usages.to_vec();
        let der = params.self_signed(&key).unwrap();
        AuthorityCertificate::read(der.der()).map_err(|e| e.code()).err()
    };
    let ca = || IsCa::Ca(BasicConstraints::Constrained(0));
    assert_eq!(refused(ca(), &[Usage::KeyCertSign, Usage::CrlSign]), None);
    assert_eq!(refused(ca(), &[]), Some("authority-not-ca"));
    assert_eq!(refused(ca(), &[Usage::CrlSign]), Some("authority-not-ca"));
    assert_eq!(refused(ca(), &[Usage::KeyCertSign]), Some("authority-not-ca"));
    assert_eq!(refused(IsCa::NoCa, &[Usage::KeyCertSign, Usage::CrlSign]), Some("authority-not-ca"));
    assert_eq!(refused(IsCa::ExplicitNoCa, &[Usage::KeyCertSign, Usage::CrlSign]), Some("authority-not-ca"));
    // One that another authority issued is believed by nobody here.
    let mut below = plain("below");
    below.is_ca = ca();
    below.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    let below = forged(&authority(), &below);
    assert_eq!(
        AuthorityCertificate::read(&below.der).map_err(|e| e.code()).err(),
        Some("authority-unusable")
    );
    let (leaf, _) = agent(&authority(), "agent:mac");
    assert_eq!(LegacyAuthority::read(&leaf.der).map_err(|e| e.code()).err(), Some("authority-not-ca"));
}

#[test]
fn an_authority_that_openssl_made_issues_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (file, subject) in [("utf8", "/O=Ferme Été/CN=Autorité"), ("many", "/C=DE/O=Fleet/OU=Ops/CN=Root 1")]
    {
        let pem = format!("{file}.pem");
        let key = format!("{file}.key");
        openssl(
            folder,
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-utf8",
                "-subj",
                subject,
                "-keyout",
                &key,
                "-out",
                &pem,
                "-days",
                "900",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ],
        );
        let key = SecretString::from(std::fs::read_to_string(folder.join(key)).unwrap());
        let pem = std::fs::read(folder.join(pem)).unwrap();
        let end = AuthorityCertificate::read(&pem).unwrap().not_after();
        let at = end.checked_sub(jiff::SignedDuration::from_hours(24 * 800)).unwrap();
        let authority = Authority::load(&pem, &key, at).unwrap();
        let issued = authority.issue_agent(&request().0, &subject_of("agent:mac"), &naming(), at).unwrap();
        std::fs::write(folder.join("leaf.pem"), &issued.pem).unwrap();
        let time = at.as_second().to_string();
        openssl(folder, &["verify", "-attime", &time, "-CAfile", &format!("{file}.pem"), "leaf.pem"]);
    }
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "rsa.key",
            "-out",
            "rsa.pem",
            "-subj",
            "/CN=x",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ],
    );
    let key = SecretString::from(std::fs::read_to_string(folder.join("rsa.key")).unwrap());
    let loaded =
        Authority::load(&std::fs::read(folder.join("rsa.pem")).unwrap(), &key, jiff::Timestamp::now());
    assert_eq!(loaded.map_err(|e| e.code()).err(), Some("authority-unusable"), "issues with P-256 only");
}

fn subject_of(name: &str) -> waystation_pki::AgentSubject {
    subject(name)
}

#[test]
fn authorities_take_turns_with_overlap() {
    let first = authority();
    let (old, _) = agent(&first, "agent:old");
    let first_id = first.certificate().id();
    let next = Authority::create(&Organization::default(), later(365)).unwrap();
    let mut all = Authorities::new(first, Vec::new()).unwrap().rotate(next).unwrap();
    assert_ne!(all.issuing().certificate().id(), first_id);
    assert_eq!(all.trusted(later(366)).count(), 2);
    assert_eq!(all.bundle(later(366)).matches("BEGIN CERTIFICATE").count(), 2);

    let (trust, identities) = trusting(&[]);
    trust.trust(all.trusted(later(300)).cloned().collect());
    assert_eq!(trust.authorities(later(364)).len(), 1, "the next one has not begun");
    trust.trust(all.trusted(later(366)).cloned().collect());
    let (new, _) = {
        let (request, key) = request();
        let issued =
            all.issuing().issue_agent(&request, &subject("agent:new"), &naming(), later(366)).unwrap();
        (rustls::pki_types::pem::PemObject::from_pem_slice(issued.pem.as_bytes()).unwrap(), key)
    };
    let new: rustls::pki_types::CertificateDer<'_> = new;
    assert!(identities.of_certificate(&old.der, later(364)).is_ok());
    assert!(identities.of_certificate(&new, later(367)).is_ok());

    // The first one ends, and with it what it issued.
    let end = later(5 * 365 + 2);
    all.forget_ended(end);
    assert_eq!(all.trusted(end).count(), 1);
    assert_eq!(all.revocation_lists(&[], CrlNumber(1), end, later(5 * 365 + 9)).unwrap().len(), 1);
}

#[test]
fn an_authority_is_not_there_twice() {
    let one = authority();
    let again = Authority::load(one.certificate().to_pem().as_bytes(), &one.key_pem(), now()).unwrap();
    assert_eq!(Authorities::new(one, vec![again]).map_err(|e| e.code()).err(), Some("authority-unusable"));
}

#[test]
fn an_authority_that_ended_trusts_nothing_on() {
    let old = authority();
    // Longer than its authority, as ours never issue.
    let mut params = plain("agent:mac");
    params.not_after = moment(later(20 * 365));
    let credential = forged(&old, &params);
    let (trust, identities) = trusting(&[&old]);
    let identity = identities.of_certificate(&credential.der, now()).unwrap();
    let end = later(5 * 365 + 2);
    let code = identities.of_certificate(&credential.der, end).map_err(|e| e.code()).err();
    assert_eq!(code, Some("certificate-unknown-issuer"));
    assert_eq!(
        identities.still_good(&identity, end).map_err(|e| e.code()),
        Err("certificate-unknown-issuer")
    );
    // Nor one that is not trusted any more.
    assert_eq!(identities.still_good(&identity, now()), Ok(()));
    trust.trust(Vec::new());
    assert_eq!(
        identities.still_good(&identity, now()).map_err(|e| e.code()),
        Err("certificate-unknown-issuer")
    );
    assert_eq!(
        old.issue_agent(&request().0, &subject("agent:a"), &naming(), end).map_err(|e| e.code()).err(),
        Some("authority-expired")
    );
}

#[test]
fn keys_do_not_print() {
    let authority = authority();
    let key = authority.key_pem();
    let line = key.expose_secret().lines().nth(1).unwrap().to_owned();
    let server =
        authority.issue_server(&waystation_pki::ServerNames::new(["localhost"]).unwrap(), now()).unwrap();
    let server_key = server.key_pem();
    let server_line = server_key.expose_secret().lines().nth(1).unwrap().to_owned();
    let printed = format!("{authority:?} {key:?} {server:?} {server_key:?}");
    assert!(
        !printed.contains(&line) && !printed.contains(&server_line) && !printed.contains("PRIVATE"),
        "{printed}"
    );
}
