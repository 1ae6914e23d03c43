//! A laboratory: authorities, agents, and certificates that no authority of ours would issue.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use time::OffsetDateTime;
use waystation_pki::{
    AgentName, AgentSubject, Authority, CertificateRequest, Identities, IssuedCertificate, Naming,
    Organization, TrustStore,
};
use x509_cert::der::Decode as _;

/// 2026-11-22, when all of this happens.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_795_305_600).unwrap()
}

pub(crate) fn later(days: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

pub(crate) fn naming() -> Naming {
    Naming {
        trust_domain: "fleet.example".parse().unwrap(),
        organization: Organization::default(),
        crl_url: None,
    }
}

pub(crate) fn authority() -> Authority {
    Authority::create(&Organization::default(), now()).unwrap()
}

pub(crate) fn subject(name: &str) -> AgentSubject {
    AgentSubject { name: name.parse().unwrap(), tenant: "default".parse().unwrap() }
}

/// A request, and the key of which it is.
pub(crate) fn request() -> (CertificateRequest, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    (CertificateRequest::read(request.der()).unwrap(), key)
}

/// A certificate and the key, as whoever has it uses them.
pub(crate) struct Credential {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

/// An agent that enrolled.
pub(crate) fn agent(authority: &Authority, name: &str) -> (Credential, IssuedCertificate) {
    let (request, key) = request();
    let issued = authority.issue_agent(&request, &subject(name), &naming(), now()).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    (Credential { der, key }, issued)
}

pub(crate) fn trusting(authorities: &[&Authority]) -> (Arc<TrustStore>, Identities) {
    let trust = Arc::new(TrustStore::new(authorities.iter().map(|a| a.certificate().clone()).collect()));
    (Arc::clone(&trust), Identities::new(trust, naming().trust_domain))
}

pub(crate) fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

pub(crate) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap()
}

/// What a certificate of an agent says, to be changed.
pub(crate) fn plain(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = moment(now());
    params.not_after = moment(later(30));
    params.serial_number = Some(rcgen::SerialNumber::from(rand::random::<u64>() >> 1));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// Signs anything with the key of an authority.
pub(crate) fn forged(authority: &Authority, params: &CertificateParams) -> Credential {
    let key = KeyPair::from_pem(authority.key_pem().expose_secret()).unwrap();
    signed_in_the_name_of(authority, key, params)
}

/// Signs anything in the name of an authority, with any key.
pub(crate) fn signed_in_the_name_of(
    authority: &Authority,
    signer: KeyPair,
    params: &CertificateParams,
) -> Credential {
    let der = x509_cert::Certificate::from_der(authority.certificate().certificate().der()).unwrap();
    let mut own = CertificateParams::default();
    own.distinguished_name = DistinguishedName::new();
    for attribute in der.tbs_certificate.subject.0.iter().flat_map(|rdn| rdn.0.iter()) {
        let oid: Vec<u64> = attribute.oid.arcs().map(u64::from).collect();
        let value = std::str::from_utf8(attribute.value.value()).unwrap();
        own.distinguished_name.push(DnType::from_oid(&oid), value);
    }
    let (key, issuer) = (KeyPair::generate().unwrap(), Issuer::new(own, signer));
    Credential { der: params.signed_by(&key, &issuer).unwrap().der().clone(), key }
}

/// What `openssl` with these arguments says; it has to succeed.
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let (done, said) = try_openssl(folder, arguments);
    assert!(done, "openssl {arguments:?}: {said}");
    said
}

/// Whether `openssl` with these arguments succeeds, and what it says.
pub(crate) fn try_openssl(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let ran = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// An authority as the reference system makes it, in a folder: `ca.pem` and `ca.key`, RSA.
pub(crate) fn reference_authority(folder: &Path) {
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/O=Portlama/CN=Portlama CA",
            "-days",
            "3650",
        ],
    );
}

/// A certificate as the reference system issues it: of X.509 version 1, unless `extensions` makes it one of version 3.
pub(crate) fn reference_agent(folder: &Path, subject: &str, extensions: Option<&str>) -> Credential {
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join("agent.key"), key.serialize_pem()).unwrap();
    openssl(folder, &["req", "-new", "-key", "agent.key", "-subj", subject, "-out", "agent.csr"]);
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    let mut sign = vec!["x509", "-req", "-in", "agent.csr", "-days", "730", "-out", "agent.pem"];
    sign.extend(by);
    if let Some(extensions) = extensions {
        std::fs::write(folder.join("ext"), extensions).unwrap();
        sign.extend(["-extfile", "ext"]);
    }
    openssl(folder, &sign);
    let der = CertificateDer::from_pem_file(folder.join("agent.pem")).unwrap();
    Credential { der, key }
}
