//! Certificates that come in headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use waystation_pki::{
    CertificateHeader, DnForm, Fingerprint, Identities, LegacyAuthority, Peer, PeerAddress, ProxyRules,
    TrustedProxies,
};

use crate::support::{
    Credential, agent, authority, later, now, reference_agent, reference_authority, trusting,
};

const VERIFY: &str = "x-ssl-client-verify";
const DN: &str = "x-ssl-client-dn";
const SERIAL: &str = "x-ssl-client-serial";
const PEM: &str = "x-ssl-client-cert";
const CERT: &str = "client-cert";
const CHAIN: &str = "client-cert-chain";
const XFCC: &str = "x-forwarded-client-cert";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers
            .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn rules(header: CertificateHeader) -> ProxyRules {
    ProxyRules { proxies: TrustedProxies::new(["10.0.0.0/24", "unix"]).unwrap(), header }
}

fn proxy() -> PeerAddress {
    PeerAddress::Ip([10, 0, 0, 7].into())
}

/// Who it is, or `nobody`, or the code of the refusal.
fn who(identities: &Identities, header: CertificateHeader, pairs: &[(&str, &str)]) -> String {
    match rules(header).identify(&proxy(), &headers(pairs), identities, now()) {
        Ok(Peer::Anonymous) => "nobody".to_owned(),
        Ok(Peer::Agent(agent)) => agent.name.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

/// As nginx escapes: all but letters, digits and four marks.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn pem_of(credential: &Credential) -> String {
    waystation_pki::Certificate::from_der(&credential.der).unwrap().to_pem()
}

fn bytes_of(credential: &Credential) -> String {
    format!(":{}:", STANDARD.encode(&credential.der))
}

const SUBJECT: CertificateHeader = CertificateHeader::Subject(DnForm::Rfc4514);

#[test]
fn a_verified_subject_and_its_serial_name_an_agent() {
    let (trust, identities) = trusting(&[]);
    let of = |pairs: &[(&str, &str)]| who(&identities, SUBJECT, pairs);
    let good = [(VERIFY, "SUCCESS"), (DN, "O=Portlama,CN=agent:macbook-pro"), (SERIAL, "0B9800DA49267D53")];
    assert_eq!(of(&good), "agent:macbook-pro");
    assert_eq!(of(&[good[0], (DN, "CN=plugin-agent:mac:shell"), good[2]]), "plugin-agent:mac:shell");
    trust.revoke(&"b9800da49267d53".parse().unwrap());
    assert_eq!(of(&good), "certificate-revoked", "however the serial is written");
    assert_eq!(of(&[good[0], good[1], (SERIAL, "000b9800da49267d53")]), "certificate-revoked");
    assert_eq!(of(&[good[0], good[1], (SERIAL, "01")]), "agent:macbook-pro");
    let old = CertificateHeader::Subject(DnForm::OneLine);
    assert_eq!(
        who(&identities, old, &[good[0], (DN, "/O=Portlama/CN=agent:mac"), good[2]]),
        "certificate-revoked"
    );
    assert_eq!(
        who(&identities, old, &[good[0], (DN, "/O=Portlama/CN=agent:mac"), (SERIAL, "02")]),
        "agent:mac"
    );
    assert_eq!(who(&identities, old, &good), "dn-no-value", "the form is never guessed");
    assert_eq!(of(&[good[0], (DN, "/O=Portlama/CN=agent:mac"), good[2]]), "dn-bad-type");
}

#[test]
fn what_is_missing_twice_or_not_verified_is_refused() {
    let (_, identities) = trusting(&[]);
    let of = |pairs: &[(&str, &str)]| who(&identities, SUBJECT, pairs);
    let (yes, dn, serial) = ((VERIFY, "SUCCESS"), (DN, "CN=agent:mac"), (SERIAL, "01"));
    assert_eq!(of(&[]), "nobody");
    assert_eq!(of(&[(VERIFY, "NONE")]), "nobody");
    assert_eq!(of(&[(VERIFY, "NONE"), (DN, ""), (SERIAL, "")]), "nobody");
    for (pairs, code) in [
        (&[yes, dn][..], "proxy-header"),
        (&[yes, dn, (SERIAL, "")], "proxy-header"),
        (&[yes, serial], "proxy-header"),
        (&[yes], "proxy-header"),
        (&[dn, serial], "proxy-not-verified"),
        (&[dn], "proxy-not-verified"),
        (&[serial], "proxy-not-verified"),
        (&[(VERIFY, "NONE"), dn, serial], "proxy-not-verified"),
        (&[(VERIFY, "success"), dn, serial], "proxy-not-verified"),
        (&[(VERIFY, "SUCCESS "), dn, serial], "proxy-not-verified"),
        (&[(VERIFY, "FAILED:certificate has expired"), dn, serial], "proxy-not-verified"),
        (&[(VERIFY, "FAILED:unable to verify the first certificate")], "proxy-not-verified"),
        (&[(VERIFY, "1"), dn, serial], "proxy-not-verified"),
        (&[yes, yes, dn, serial], "proxy-header"),
        (&[yes, (VERIFY, "NONE"), dn, serial], "proxy-header"),
        (&[yes, dn, (DN, "CN=agent:root"), serial], "proxy-header"),
        (&[yes, dn, dn, serial], "proxy-header"),
        (&[yes, dn, serial, (SERIAL, "02")], "proxy-header"),
        (&[yes, dn, (SERIAL, "0x01")], "certificate-serial"),
        (&[yes, dn, (SERIAL, "00")], "certificate-serial"),
        (&[yes, dn, (SERIAL, "-01")], "certificate-serial"),
        (&[yes, dn, (SERIAL, "01, 02")], "certificate-serial"),
        (&[yes, (DN, "CN=agent:mac,CN=agent:root"), serial], "dn-several-common-names"),
        (&[yes, (DN, "O=Portlama"), serial], "dn-no-common-name"),
        (&[yes, (DN, "CN=admin"), serial], "agent-name"),
        (&[yes, (DN, "CN=agent:mac\\00"), serial], "agent-name"),
        (&[yes, (DN, "CN=agent:mac\\,CN=agent:root"), serial], "agent-name"),
    ] {
        assert_eq!(of(pairs), code, "{pairs:?}");
    }
}

#[test]
fn headers_from_anywhere_else_are_not_looked_at() {
    let authority = authority();
    let (credential, _) = agent(&authority, "agent:mac");
    let (_, identities) = trusting(&[&authority]);
    let all = headers(&[
        (VERIFY, "SUCCESS"),
        (DN, "CN=agent:root"),
        (SERIAL, "01"),
        (PEM, &escaped(&pem_of(&credential))),
        (CERT, &bytes_of(&credential)),
        (XFCC, &format!("Cert=\"{}\"", escaped(&pem_of(&credential)))),
    ]);
    for header in
        [SUBJECT, CertificateHeader::EscapedPem, CertificateHeader::ClientCert, CertificateHeader::Forwarded]
    {
        let rules = rules(header);
        for stranger in ["127.0.0.1", "10.0.1.7", "::1", "::ffff:192.0.2.1"] {
            let peer = PeerAddress::Ip(stranger.parse().unwrap());
            assert_eq!(rules.identify(&peer, &all, &identities, now()), Ok(Peer::Anonymous), "{stranger}");
        }
        for trusted in [proxy(), PeerAddress::Unix, PeerAddress::Ip("::ffff:10.0.0.9".parse().unwrap())] {
            assert!(matches!(rules.identify(&trusted, &all, &identities, now()), Ok(Peer::Agent(_))));
        }
        // Of the forms one is looked at.
        let mut own = all.clone();
        for name in [VERIFY, DN, SERIAL, PEM, CERT, XFCC] {
            let of_form = matches!(
                (header, name),
                (CertificateHeader::Subject(_), VERIFY | DN | SERIAL)
                    | (CertificateHeader::EscapedPem, PEM)
                    | (CertificateHeader::ClientCert, CERT)
                    | (CertificateHeader::Forwarded, XFCC)
            );
            if of_form {
                own.remove(name);
            }
        }
        assert_eq!(rules.identify(&proxy(), &own, &identities, now()), Ok(Peer::Anonymous), "{header:?}");
    }
    let mut stripped = all;
    stripped.insert("accept", HeaderValue::from_static("*/*"));
    stripped.append(CHAIN, HeaderValue::from_static(":AA==:"));
    ProxyRules::strip(&mut stripped);
    assert_eq!(stripped.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
}

#[test]
fn a_whole_certificate_is_judged_here_whoever_sends_it() {
    let (own, foreign) = (authority(), authority());
    let (credential, issued) = agent(&own, "agent:mac");
    let (stranger, _) = agent(&foreign, "agent:mac");
    let (trust, identities) = trusting(&[&own]);
    let forms = |credential: &Credential| {
        let pem = escaped(&pem_of(credential));
        [
            (CertificateHeader::EscapedPem, PEM, pem.clone()),
            (CertificateHeader::ClientCert, CERT, bytes_of(credential)),
            (CertificateHeader::Forwarded, XFCC, format!("Cert=\"{pem}\"")),
        ]
    };
    for (header, name, value) in forms(&credential) {
        assert_eq!(who(&identities, header, &[(name, &value)]), "agent:mac");
        assert_eq!(who(&identities, header, &[(name, &value), (name, &value)]), "proxy-header", "twice");
        assert_eq!(who(&identities, header, &[(name, "garbage")]), "proxy-header");
        let seen = rules(header).identify(&proxy(), &headers(&[(name, &value)]), &identities, now()).unwrap();
        let Peer::Agent(seen) = seen else { panic!() };
        assert_eq!(seen.presented.clone().unwrap().fingerprint, issued.fingerprint);
        let expired = rules(header).identify(&proxy(), &headers(&[(name, &value)]), &identities, later(366));
        assert_eq!(expired.map_err(|e| e.code()), Err("certificate-expired"));
    }
    for (header, name, value) in forms(&stranger) {
        assert_eq!(who(&identities, header, &[(name, &value)]), "certificate-unknown-issuer");
    }
    trust.revoke(&issued.serial);
    for (header, name, value) in forms(&credential) {
        assert_eq!(who(&identities, header, &[(name, &value)]), "certificate-revoked");
    }
}

#[test]
fn forms_are_read_to_the_letter() {
    let authority = authority();
    let (credential, issued) = agent(&authority, "agent:mac");
    let (_, identities) = trusting(&[&authority]);
    let pem = pem_of(&credential);
    let (escaped_pem, bytes) = (escaped(&pem), bytes_of(&credential));
    let base64 = STANDARD.encode(&credential.der);

    let nginx = |value: &str| who(&identities, CertificateHeader::EscapedPem, &[(PEM, value)]);
    assert_eq!(nginx(""), "nobody", "nginx sends an empty header, or none");
    for bad in [
        &escaped(&format!("{pem}{pem}")),
        &escaped_pem.replace("%0A", "%0"),
        &base64,
        &escaped(&base64),
        "%30%00",
    ] {
        assert_eq!(nginx(bad), "proxy-header", "{bad}");
    }

    let rfc = |pairs: &[(&str, &str)]| who(&identities, CertificateHeader::ClientCert, pairs);
    let chain = format!("{bytes}, {bytes}");
    assert_eq!(rfc(&[(CERT, &bytes), (CHAIN, &chain)]), "agent:mac");
    let long = [bytes.as_str(); 9].join(",");
    for bad in [
        &[(CERT, base64.as_str())][..],
        &[(CERT, "::")],
        &[(CERT, "")],
        &[(CERT, &format!("{bytes};a=b"))],
        &[(CERT, &format!("{bytes}, {bytes}"))],
        &[(CERT, &bytes.replace(':', "\""))],
        &[(CHAIN, &chain)],
        &[(CERT, &bytes), (CHAIN, "x")],
        &[(CERT, &bytes), (CHAIN, &long)],
    ] {
        let refused = rfc(bad);
        assert!(refused == "proxy-header" || refused == "certificate-malformed", "{refused} {bad:?}");
    }

    let envoy = |value: &str| who(&identities, CertificateHeader::Forwarded, &[(XFCC, value)]);
    let hash = issued.fingerprint;
    let whole = format!(
        "By=spiffe://fleet.example/proxy;Hash={hash};Subject=\"O=a\\\"b;c,d\\\\,CN=agent:root\";URI=spiffe://a/b;URI=x;Cert=\"{escaped_pem}\";Chain=\"{escaped_pem}\""
    );
    assert_eq!(envoy(&whole), "agent:mac");
    assert_eq!(envoy(&format!("cert={escaped_pem}")), "agent:mac");
    let other: Fingerprint = "00".repeat(32).parse().unwrap();
    for bad in [
        format!("Hash={hash};Subject=\"CN=agent:mac\""),
        format!("{whole},{whole}"),
        format!("{whole};"),
        format!("{whole};Cert=\"{escaped_pem}\""),
        whole.replace(&hash.to_string(), &other.to_string()),
        whole.replace(&hash.to_string(), "zz"),
        format!("Cert=\"{escaped_pem}"),
        format!("Cert=\"{escaped_pem}\"x"),
        "Cert=a\"b".to_owned(),
        "=x".to_owned(),
        "Cert".to_owned(),
        "Cert=\"a\\n\"".to_owned(),
        "A=b;".repeat(300) + "C=d",
    ] {
        assert_eq!(envoy(&bad), "proxy-header", "{bad}");
    }
}

#[test]
fn certificates_of_version_1_are_taken_behind_a_proxy_of_a_named_authority_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_authority(folder);
    let old = reference_agent(folder, "/O=Portlama/CN=agent:mac", None);
    let of_nobody = reference_agent(folder, "/O=Portlama/CN=admin", None);
    // Of an hour to come: OpenSSL takes its own clock.
    let at = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let (trust, identities) = trusting(&[]);
    let ask = |der: &[u8]| {
        let value = format!(":{}:", STANDARD.encode(der));
        let asked = rules(CertificateHeader::ClientCert).identify(
            &proxy(),
            &headers(&[(CERT, &value)]),
            &identities,
            at,
        );
        match asked {
            Ok(Peer::Agent(agent)) => agent.name.to_string(),
            Ok(Peer::Anonymous) => "nobody".to_owned(),
            Err(error) => error.code().to_owned(),
        }
    };
    assert_eq!(ask(&old.der), "certificate-version-1");
    let ca = std::fs::read(folder.join("ca.pem")).unwrap();
    let legacy = LegacyAuthority::read(&ca).unwrap();
    trust.trust_legacy(vec![legacy.clone()]);
    assert_eq!(ask(&old.der), "agent:mac");
    assert_eq!(ask(&of_nobody.der), "agent-name");
    // At the host's own handshake it stays refused.
    assert_eq!(
        identities.of_certificate(&old.der, at).map_err(|e| e.code()).err(),
        Some("certificate-version-1")
    );
    // Signed by somebody of the same name.
    let elsewhere = tempfile::tempdir().unwrap();
    reference_authority(elsewhere.path());
    assert_eq!(
        ask(&reference_agent(elsewhere.path(), "/O=Portlama/CN=agent:mac", None).der),
        "certificate-unknown-issuer"
    );
    // Its own certificate is no agent's.
    let own = waystation_pki::Certificate::read(&ca).unwrap();
    assert!(ask(own.der()).starts_with("certificate-"), "{}", ask(own.der()));
    for place in 0..old.der.len() {
        let mut damaged = old.der.to_vec();
        damaged[place] ^= 1;
        assert!(!ask(&damaged).starts_with("agent:"), "{place}");
    }

    // Of version 3 without purposes, as newer OpenSSL makes them; and with other purposes.
    for (extensions, expected) in [
        ("subjectKeyIdentifier=hash", "agent:mac"),
        ("extendedKeyUsage=clientAuth", "agent:mac"),
        ("extendedKeyUsage=serverAuth", "certificate-purpose"),
        ("basicConstraints=critical,CA:TRUE", "certificate-purpose"),
        ("subjectAltName=URI:spiffe://fleet.example/tenant/t/agent/root", "certificate-identity"),
    ] {
        let agent = reference_agent(folder, "/O=Portlama/CN=agent:mac", Some(extensions));
        assert_eq!(ask(&agent.der), expected, "{extensions}");
    }

    let serial = waystation_pki::Certificate::from_der(&old.der).unwrap().serial().clone();
    let recognised = rules(CertificateHeader::ClientCert)
        .identify(&proxy(), &headers(&[(CERT, &bytes_of(&old))]), &identities, at)
        .unwrap();
    let Peer::Agent(recognised) = recognised else { panic!() };
    assert_eq!(identities.still_good(&recognised, at), Ok(()));
    trust.revoke(&serial);
    assert_eq!(ask(&old.der), "certificate-revoked");
    trust.set_revoked(std::collections::HashSet::new());
    trust.trust_legacy(Vec::new());
    assert!(identities.still_good(&recognised, at).is_err());
}

#[test]
fn forms_have_names() {
    for (text, header) in [
        ("x-ssl-client", SUBJECT),
        ("x-ssl-client-cert", CertificateHeader::EscapedPem),
        ("client-cert", CertificateHeader::ClientCert),
        ("x-forwarded-client-cert", CertificateHeader::Forwarded),
    ] {
        assert_eq!(text.parse::<CertificateHeader>(), Ok(header));
    }
    for bad in ["", "auto", "Client-Cert", "x-ssl-client-dn"] {
        assert_eq!(bad.parse::<CertificateHeader>().map_err(|e| e.code()), Err("proxy-header-form"));
    }
}
