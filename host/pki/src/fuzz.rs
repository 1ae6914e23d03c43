//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::dn::Value;
use crate::{
    AgentName, Certificate, CertificateHeader, CertificateRequest, DistinguishedName, DnForm, Identities,
    LegacyAuthority, Peer, PeerAddress, ProxyRules, TrustStore, TrustedProxies, identity,
};

/// A time at which the seeds are valid: 2026-11-22.
fn now() -> Timestamp {
    Timestamp::from_second(1_795_305_600).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Nobody is trusted but who is named.
fn identities(legacy: Vec<LegacyAuthority>) -> Option<Identities> {
    let trust = TrustStore::default();
    trust.trust_legacy(legacy);
    Some(Identities::new(Arc::new(trust), "fuzz.example".parse().ok()?))
}

/// Requests of a trusted proxy, one header a line: in every form they name an agent of the two kinds, nobody, or are
/// refused with a code. A certificate is never believed, since no authority is trusted.
pub fn certificate_headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|b| *b == b'\n').take(16) {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let (Some(identities), Ok(proxies)) = (identities(Vec::new()), TrustedProxies::new(["unix"])) else {
        return;
    };
    for header in [
        CertificateHeader::Subject(DnForm::Rfc4514),
        CertificateHeader::Subject(DnForm::OneLine),
        CertificateHeader::EscapedPem,
        CertificateHeader::ClientCert,
        CertificateHeader::Forwarded,
    ] {
        let rules = ProxyRules { proxies: proxies.clone(), header };
        match rules.identify(&PeerAddress::Unix, &headers, &identities, now()) {
            Ok(Peer::Anonymous) => {}
            Ok(Peer::Agent(agent)) => {
                assert!(matches!(header, CertificateHeader::Subject(_)) && agent.presented.is_none());
                assert_eq!(agent.name.to_string().parse().as_ref(), Ok(&agent.name));
            }
            Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
        }
        let stranger = PeerAddress::Ip([192, 0, 2, 1].into());
        assert_eq!(rules.identify(&stranger, &headers, &identities, now()), Ok(Peer::Anonymous));
    }
    ProxyRules::strip(&mut headers);
    assert!(!headers.contains_key("client-cert") && !headers.contains_key("x-ssl-client-dn"));
}

/// A subject: it is refused with a code, or each of its parts has a type and a value, within bounds.
pub fn distinguished_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for form in [DnForm::Rfc4514, DnForm::OneLine] {
        match DistinguishedName::parse(text, form) {
            Ok(name) => {
                assert!(text.len() <= crate::MAX_DN && name.rdns.len() <= crate::MAX_RDNS);
                for attribute in name.rdns.iter().flatten() {
                    assert!(!attribute.kind.is_empty());
                    assert!(!matches!(&attribute.value, Value::Text(text) if text.len() > data.len()));
                }
                if let Ok(agent) = name.common_name().map(str::parse::<AgentName>) {
                    assert!(agent.is_err() || text.contains('='));
                }
            }
            Err(error) => assert!(error.code().starts_with("dn-")),
        }
    }
}

/// A certificate request: refused with a code, or signed by its own key, which is of a kind that is accepted.
pub fn certificate_request(data: &[u8]) {
    match CertificateRequest::read(data) {
        Ok(request) => {
            assert!(data.len() <= crate::MAX_REQUEST);
            assert_eq!(
                request.key_hash(),
                CertificateRequest::read(data).map_or(request.key_hash(), |r| r.key_hash())
            );
        }
        Err(error) => assert!(!error.code().is_empty()),
    }
}

/// A client's certificate: nobody is recognised where nobody is trusted, also when the certificate would be taken for an
/// authority; and whom it would name is read or refused.
pub fn client_certificate(data: &[u8]) {
    let Ok(certificate) = Certificate::read(data) else { return };
    let Ok(domain) = "fuzz.example".parse() else { return };
    if let Ok((name, _)) = identity::named(&certificate, &domain) {
        assert_eq!(certificate.common_names, [name.to_string()]);
    }
    let legacy: Vec<_> = LegacyAuthority::read(data).into_iter().collect();
    let Some(identities) = identities(legacy) else { return };
    assert!(identities.of_certificate(certificate.der(), now()).is_err());
    // Not even itself: what issued it is an authority, and no agent.
    assert!(identities.of_proxied(certificate.der(), now()).is_err());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [
            ("certificate-headers", certificate_headers as fn(&[u8])),
            ("distinguished-name", distinguished_name),
            ("certificate-request", certificate_request),
            ("client-certificate", client_certificate),
        ] {
            let seeds = seeds(target);
            assert!(!seeds.is_empty(), "{target}");
            seeds.iter().for_each(|seed| check(seed));
        }
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn seeds_of_each_target_are_read() {
        assert!(seeds("certificate-request").iter().all(|seed| CertificateRequest::read(seed).is_ok()));
        assert!(seeds("client-certificate").iter().all(|seed| Certificate::read(seed).is_ok()));
        let text = |seed: &Vec<u8>| String::from_utf8(seed.clone()).unwrap();
        let names: Vec<_> = seeds("distinguished-name").iter().map(text).collect();
        for form in [DnForm::Rfc4514, DnForm::OneLine] {
            assert!(names.iter().any(|name| DistinguishedName::parse(name, form).is_ok()));
        }
    }
}
