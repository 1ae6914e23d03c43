//! What an authority issues, and whom it recognises.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use waystation_pki::{
    AGENT_LIFE, BACKDATE, Certificate, CertificateRequest, ClientIdentity, KeyKind, MAX_REQUEST, PkiError,
    SERVER_LIFE, SERVER_RENEWAL, Serial, ServerNames, Version,
};

use crate::support::{
    Credential, agent, authority, forged, later, moment, naming, now, openssl, plain, request, subject,
    trusting, uri,
};

#[test]
fn an_agent_gets_what_is_promised() {
    let authority = authority();
    let (credential, issued) = agent(&authority, "plugin-agent:mac:shell");
    assert_eq!(issued.not_before, now().checked_sub(BACKDATE).unwrap());
    assert_eq!(issued.not_after, now().checked_add(AGENT_LIFE).unwrap());
    assert_eq!(issued.authority, authority.certificate().id());
    let read = Certificate::read(issued.pem.as_bytes()).unwrap();
    assert_eq!(read.version(), Version::V3);
    assert_eq!((read.serial(), read.fingerprint()), (&issued.serial, issued.fingerprint));
    let (_, identities) = trusting(&[&authority]);
    let identity = identities.of_certificate(&credential.der, now()).unwrap();
    assert_eq!(identity.name.to_string(), "plugin-agent:mac:shell");
    assert_eq!(identity.tenant.as_ref().map(ToString::to_string).as_deref(), Some("default"));
    let presented = identity.presented.as_ref().unwrap();
    assert_eq!((&identity.serial, presented.expires), (&issued.serial, issued.not_after));
    assert_eq!((presented.key_hash, presented.fingerprint), (issued.key_hash, issued.fingerprint));
}

#[test]
fn nothing_outlives_its_authority() {
    let authority = authority();
    let end = authority.certificate().not_after();
    let near = later(5 * 365 - 10);
    let issued = authority.issue_agent(&request().0, &subject("agent:mac"), &naming(), near).unwrap();
    assert_eq!(issued.not_after, end);
    let server = authority.issue_server(&ServerNames::new(["localhost"]).unwrap(), near).unwrap();
    assert_eq!(server.certificate().not_after(), end);
    assert!(!server.is_due(near) && server.is_due(end), "a short life is renewed after two thirds");
}

#[test]
fn a_server_gets_ninety_days_and_a_new_one_with_thirty_left() {
    let authority = authority();
    let names = ServerNames::new(["Host.Example", "127.0.0.1", "::1", "host.example"]).unwrap();
    let server = authority.issue_server(&names, now()).unwrap();
    let end = now().checked_add(SERVER_LIFE).unwrap();
    assert_eq!(server.certificate().not_after(), end);
    assert_eq!(server.renew_at(), end.checked_sub(SERVER_RENEWAL).unwrap());
    assert!(!server.is_due(later(59)) && server.is_due(later(60)));
    let many: Vec<String> = (0..65).map(|n| format!("h{n}.example")).collect();
    for bad in
        [&[] as &[&str], &[""], &["a b"], &["*.example"], &["host.example."], &["https://host"], &["a_b:1"]]
    {
        assert_eq!(ServerNames::new(bad).map_err(|e| e.code()), Err("server-names"), "{bad:?}");
    }
    assert_eq!(ServerNames::new(many).map_err(|e| e.code()), Err("server-names"));
}

#[test]
fn of_a_request_only_the_key_counts() {
    let authority = authority();
    let mut greedy = CertificateParams::default();
    greedy.distinguished_name.push(rcgen::DnType::CommonName, "agent:root");
    greedy.subject_alt_names = vec![uri("spiffe://fleet.example/tenant/other/agent/root")];
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    greedy.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let csr = greedy.serialize_request(&key).unwrap();
    let request = CertificateRequest::read(csr.pem().unwrap().as_bytes()).unwrap();
    assert_eq!(request.kind(), KeyKind::P256);
    let issued = authority.issue_agent(&request, &subject("agent:mac"), &naming(), now()).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let (_, identities) = trusting(&[&authority]);
    let identity = identities.of_certificate(&der, now()).unwrap();
    assert_eq!(identity.name.to_string(), "agent:mac");
    assert_eq!(identity.tenant.unwrap().as_str(), "default");
    assert!(waystation_pki::AuthorityCertificate::read(&der).is_err());
}

#[test]
fn requests_that_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let code = |input: &[u8]| CertificateRequest::read(input).map_err(|e| e.code()).err();
    let key = KeyPair::generate().unwrap();
    let der = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    assert_eq!(code(&der), None);
    for bad in
        [&b""[..], b"\x30", b"\x30\x00", b"hello", &der[..der.len() - 1], &[der.as_slice(), &[0]].concat()]
    {
        assert_eq!(code(bad), Some("csr-malformed"), "{bad:?}");
    }
    let (leaf, issued) = agent(&authority(), "agent:mac");
    assert_eq!(code(&leaf.der), Some("csr-malformed"), "a certificate");
    assert_eq!(code(issued.pem.as_bytes()), Some("csr-malformed"), "a certificate in PEM");
    let pem = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    assert_eq!(code(format!("{pem}{pem}").as_bytes()), Some("csr-malformed"), "two of them");
    assert_eq!(
        code(format!("{pem}{}", key.serialize_pem()).as_bytes()),
        Some("csr-malformed"),
        "and its key"
    );
    let large = format!("{pem}{}", "#".repeat(MAX_REQUEST));
    assert_eq!(code(large.as_bytes()), Some("csr-too-large"));

    // Each byte that is changed damages it or breaks its signature.
    for place in 0..der.len() {
        let mut damaged = der.clone();
        damaged[place] ^= 1;
        assert!(CertificateRequest::read(&damaged).is_err(), "{place}");
    }
    // The key of somebody else.
    let other = KeyPair::generate().unwrap();
    let (own, theirs) = (key.public_key_raw(), other.public_key_raw());
    let at = der.windows(own.len()).position(|window| window == own).unwrap();
    let stolen = [&der[..at], theirs, &der[at + own.len()..]].concat();
    assert_eq!(code(&stolen), Some("csr-signature"));

    for (algorithm, options, refused) in [
        ("RSA", &["rsa_keygen_bits:1024"][..], Some("csr-key")),
        ("RSA", &["rsa_keygen_bits:2048"], None),
        ("EC", &["ec_paramgen_curve:secp256k1"], Some("csr-key")),
        ("EC", &["ec_paramgen_curve:P-521"], Some("csr-key")),
        ("EC", &["ec_paramgen_curve:P-256", "ec_param_enc:explicit"], Some("csr-key")),
        ("EC", &["ec_paramgen_curve:P-384"], None),
        ("ED25519", &[], None),
        ("ED448", &[], Some("csr-key")),
    ] {
        let mut arguments = vec!["genpkey", "-out", "key", "-algorithm", algorithm];
        arguments.extend(options.iter().flat_map(|option| ["-pkeyopt", option]));
        openssl(folder, &arguments);
        openssl(folder, &["req", "-new", "-key", "key", "-subj", "/CN=x", "-out", "csr"]);
        assert_eq!(code(&std::fs::read(folder.join("csr")).unwrap()), refused, "{algorithm} {options:?}");
    }
    openssl(folder, &["genpkey", "-out", "key", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    openssl(folder, &["req", "-new", "-sha1", "-key", "key", "-subj", "/CN=x", "-out", "csr"]);
    assert_eq!(code(&std::fs::read(folder.join("csr")).unwrap()), Some("csr-signature"), "signed with SHA-1");
}

fn refused(authority: &waystation_pki::Authority, credential: &Credential) -> Option<&'static str> {
    let (_, identities) = trusting(&[authority]);
    identities.of_certificate(&credential.der, now()).map_err(|e| e.code()).err()
}

#[test]
fn a_certificate_names_one_agent_or_nobody() {
    let authority = authority();
    let of = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = plain("agent:mac");
        change(&mut params);
        refused(&authority, &forged(&authority, &params))
    };
    assert_eq!(of(&|_| {}), None);
    assert_eq!(of(&|p| p.subject_alt_names = vec![uri("spiffe://fleet.example/tenant/t/agent/mac")]), None);
    let identity = "certificate-identity";
    for (uris, code) in [
        (&["spiffe://fleet.example/tenant/t/agent/root"][..], identity),
        (&["spiffe://fleet.example/tenant/t/plugin-agent/mac/mac"], identity),
        (&["spiffe://other.example/tenant/t/agent/mac"], identity),
        (&["https://fleet.example/"], identity),
        (
            &["spiffe://fleet.example/tenant/t/agent/mac", "spiffe://fleet.example/tenant/t/agent/root"],
            identity,
        ),
        (
            &["spiffe://fleet.example/tenant/t/agent/mac", "spiffe://fleet.example/tenant/t/agent/mac"],
            identity,
        ),
        (&["spiffe://fleet.example/tenant/T/agent/mac"], "pki-naming"),
        (&["spiffe://fleet.example/tenant/t/agent/MAC"], "agent-name"),
    ] {
        let refused = of(&|p| p.subject_alt_names = uris.iter().map(|text| uri(text)).collect());
        assert_eq!(refused, Some(code), "{uris:?}");
    }
    for bad in ["", "admin", "mac", "agent:", "agent:MAC", "agent:a,CN=agent:b", "Waystation"] {
        assert_eq!(refused(&authority, &forged(&authority, &plain(bad))), Some("agent-name"), "{bad}");
    }
    assert_eq!(
        of(&|p| p.distinguished_name = rcgen::DistinguishedName::new()),
        Some(identity),
        "no name at all"
    );
}

#[test]
fn a_certificate_is_for_an_agent_or_for_nothing() {
    let authority = authority();
    let of = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = plain("agent:mac");
        change(&mut params);
        refused(&authority, &forged(&authority, &params))
    };
    let purpose = Some("certificate-purpose");
    assert_eq!(of(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]), purpose);
    assert_eq!(of(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]), purpose);
    assert_eq!(of(&|p| p.extended_key_usages = Vec::new()), purpose, "one that does not say what it is for");
    assert_eq!(of(&|p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment]), purpose);
    assert_eq!(of(&|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), purpose);
    assert_eq!(
        of(&|p| p.not_after = moment(later(-1))),
        Some("certificate-malformed"),
        "ends before it begins"
    );
    let unknown = |p: &mut CertificateParams| {
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        p.custom_extensions = vec![extension];
    };
    assert_eq!(of(&unknown), Some("certificate-malformed"));
    let server = authority.issue_server(&ServerNames::new(["localhost"]).unwrap(), now()).unwrap();
    let (_, identities) = trusting(&[&authority]);
    let code = |der: &[u8]| identities.of_certificate(der, now()).map_err(|e| e.code()).err();
    assert_eq!(code(server.certificate().der()), purpose);
    assert_eq!(code(authority.certificate().certificate().der()), purpose);
}

#[test]
fn each_changed_byte_ends_what_an_authority_signed() {
    let authority = authority();
    let (credential, _) = agent(&authority, "agent:mac");
    let (_, identities) = trusting(&[&authority]);
    for place in 0..credential.der.len() {
        let mut damaged = credential.der.to_vec();
        damaged[place] ^= 0x10;
        assert!(identities.of_certificate(&damaged, now()).is_err(), "{place}");
    }
    for length in 0..credential.der.len() {
        assert!(identities.of_certificate(&credential.der[..length], now()).is_err(), "{length}");
    }
}

#[test]
fn a_revoked_certificate_is_refused_at_once() {
    let authority = authority();
    let (credential, issued) = agent(&authority, "agent:mac");
    let (other, _) = agent(&authority, "agent:other");
    let (trust, identities) = trusting(&[&authority]);
    let identity: ClientIdentity = identities.of_certificate(&credential.der, now()).unwrap();
    assert_eq!(identities.still_good(&identity, now()), Ok(()));
    trust.revoke(&issued.serial);
    assert_eq!(identities.still_good(&identity, now()), Err(PkiError::Revoked));
    assert_eq!(identities.of_certificate(&credential.der, now()), Err(PkiError::Revoked));
    assert!(identities.of_certificate(&other.der, now()).is_ok());
    // What the database says replaces what was there.
    let serials: [Serial; 1] = ["0b98".parse().unwrap()];
    trust.set_revoked(serials.into_iter().collect());
    assert_eq!(identities.still_good(&identity, now()), Ok(()));
    assert_eq!(
        identities.still_good(&identity, later(366)).map_err(|e| e.code()),
        Err("certificate-expired")
    );
}

#[test]
fn many_who_revoke_at_the_same_time_lose_none() {
    let (trust, _) = trusting(&[]);
    let serials: Vec<Serial> = (1u32..=400).map(|n| Serial::from_bytes(&n.to_be_bytes()).unwrap()).collect();
    std::thread::scope(|scope| {
        for part in serials.chunks(50) {
            let trust = &trust;
            scope.spawn(move || part.iter().for_each(|serial| trust.revoke(serial)));
        }
    });
    assert!(serials.iter().all(|serial| trust.is_revoked(serial)));
}
