//! OpenSSL as another reader of what we write, and as a writer of what we read.

use std::fs;

use waystation_pki::{CertificateRequest, CrlNumber, KeyKind, Reason, Revoked, ServerNames};

use crate::support::{agent, authority, later, naming, now, openssl, subject, try_openssl};

#[test]
fn openssl_verifies_agents_of_its_own_requests() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority();
    fs::write(folder.join("ca.pem"), authority.certificate().to_pem()).unwrap();
    let (time, fifty) = (now().as_second().to_string(), "x".repeat(50));
    for (algorithm, option, kind) in [
        ("EC", Some("ec_paramgen_curve:P-256"), KeyKind::P256),
        ("EC", Some("ec_paramgen_curve:P-384"), KeyKind::P384),
        ("ED25519", None, KeyKind::Ed25519),
        ("RSA", Some("rsa_keygen_bits:2048"), KeyKind::Rsa { bits: 2_048 }),
        ("RSA", Some("rsa_keygen_bits:3072"), KeyKind::Rsa { bits: 3_072 }),
    ] {
        let mut arguments = vec!["genpkey", "-out", "agent.key", "-algorithm", algorithm];
        arguments.extend(option.iter().flat_map(|option| ["-pkeyopt", option]));
        openssl(folder, &arguments);
        for form in ["PEM", "DER"] {
            openssl(
                folder,
                &[
                    "req",
                    "-new",
                    "-key",
                    "agent.key",
                    "-subj",
                    "/CN=anybody",
                    "-addext",
                    "basicConstraints=CA:TRUE",
                    "-outform",
                    form,
                    "-out",
                    "agent.csr",
                ],
            );
            let request = CertificateRequest::read(&fs::read(folder.join("agent.csr")).unwrap()).unwrap();
            assert_eq!(request.kind(), kind);
            let name = format!("plugin-agent:{fifty}:{fifty}");
            let issued = authority.issue_agent(&request, &subject(&name), &naming(), now()).unwrap();
            fs::write(folder.join("agent.pem"), &issued.pem).unwrap();
            openssl(
                folder,
                &[
                    "verify",
                    "-x509_strict",
                    "-purpose",
                    "sslclient",
                    "-attime",
                    &time,
                    "-CAfile",
                    "ca.pem",
                    "agent.pem",
                ],
            );
            // The agent's key and the certificate belong together for OpenSSL, too.
            let public = openssl(folder, &["pkey", "-in", "agent.key", "-pubout"]);
            assert_eq!(openssl(folder, &["x509", "-in", "agent.pem", "-noout", "-pubkey"]), public);
        }
    }
}

#[test]
fn openssl_reads_the_profile_of_each_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority();
    let (_, issued) = agent(&authority, "agent:mac");
    let server = authority
        .issue_server(&ServerNames::new(["host.example", "192.0.2.1", "::1"]).unwrap(), now())
        .unwrap();
    fs::write(folder.join("ca.pem"), authority.certificate().to_pem()).unwrap();
    fs::write(folder.join("agent.pem"), &issued.pem).unwrap();
    fs::write(folder.join("server.pem"), server.certificate().to_pem()).unwrap();
    let text = |file: &str| {
        openssl(
            folder,
            &["x509", "-in", file, "-noout", "-text", "-fingerprint", "-sha256", "-nameopt", "rfc2253"],
        )
    };

    let ca = text("ca.pem");
    for line in [
        "Version: 3 (0x2)",
        "ASN1 OID: prime256v1",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n",
    ] {
        assert!(ca.contains(line), "{line}: {ca}");
    }
    let agent = text("agent.pem");
    let fingerprint = issued.fingerprint.to_string().to_uppercase();
    let pairs: Vec<_> =
        fingerprint.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    for line in [
        "Version: 3 (0x2)",
        "Subject: CN=agent:mac,O=Waystation\n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "URI:spiffe://fleet.example/tenant/default/agent/mac\n",
        "Not Before: Nov 21 23:55:00 2026 GMT",
        "Not After : Nov 22 00:00:00 2027 GMT",
        &pairs.join(":"),
    ] {
        assert!(agent.contains(line), "{line}: {agent}");
    }
    let serial = openssl(folder, &["x509", "-in", "agent.pem", "-noout", "-serial"]);
    assert_eq!(serial.trim().to_lowercase(), format!("serial={}", issued.serial));
    let server = text("server.pem");
    for line in [
        "DNS:host.example, IP Address:192.0.2.1, IP Address:0:0:0:0:0:0:0:1\n",
        "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
    ] {
        assert!(server.contains(line), "{line}: {server}");
    }
    let time = now().as_second().to_string();
    openssl(
        folder,
        &[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "host.example",
            "-attime",
            &time,
            "-CAfile",
            "ca.pem",
            "server.pem",
        ],
    );
    let (good, said) = try_openssl(
        folder,
        &["verify", "-purpose", "sslserver", "-attime", &time, "-CAfile", "ca.pem", "agent.pem"],
    );
    assert!(!good, "an agent is no server: {said}");
    let (good, said) = try_openssl(
        folder,
        &["verify", "-purpose", "sslclient", "-attime", &time, "-CAfile", "ca.pem", "server.pem"],
    );
    assert!(!good, "a server is no agent: {said}");
}

#[test]
fn openssl_heeds_our_revocation_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority();
    let (_, revoked) = agent(&authority, "agent:gone");
    let (_, good) = agent(&authority, "agent:good");
    fs::write(folder.join("ca.pem"), authority.certificate().to_pem()).unwrap();
    fs::write(folder.join("gone.pem"), &revoked.pem).unwrap();
    fs::write(folder.join("good.pem"), &good.pem).unwrap();
    let entry = Revoked { serial: revoked.serial, at: now(), reason: Reason::KeyCompromise };
    let list = authority.revocation_list(&[entry], CrlNumber(41), now(), later(7)).unwrap();
    fs::write(folder.join("list.pem"), list.to_pem()).unwrap();
    let verify = |file: &str, at: i64| {
        let time = at.to_string();
        try_openssl(
            folder,
            &[
                "verify",
                "-x509_strict",
                "-crl_check",
                "-attime",
                &time,
                "-CAfile",
                "ca.pem",
                "-CRLfile",
                "list.pem",
                file,
            ],
        )
    };
    let (passed, said) = verify("good.pem", now().as_second());
    assert!(passed, "{said}");
    let (passed, said) = verify("gone.pem", now().as_second());
    assert!(!passed && said.contains("certificate revoked"), "{said}");
    let (passed, said) = verify("good.pem", later(8).as_second());
    assert!(!passed && said.contains("CRL has expired"), "{said}");
    let text = openssl(folder, &["crl", "-in", "list.pem", "-noout", "-text"]);
    for line in ["X509v3 CRL Number: \n                41\n", "Key Compromise", "Version 2 (0x1)"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_list_of_openssl_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority();
    let (_, gone) = agent(&authority, "agent:gone");
    fs::write(folder.join("ca.pem"), authority.certificate().to_pem()).unwrap();
    fs::write(folder.join("ca.key"), secrecy::ExposeSecret::expose_secret(&authority.key_pem())).unwrap();
    fs::write(folder.join("gone.pem"), &gone.pem).unwrap();
    let config = "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=e\n\
                  [e]\nauthorityKeyIdentifier=keyid\n";
    fs::write(folder.join("ca.cnf"), config).unwrap();
    fs::write(folder.join("index.txt"), "").unwrap();
    fs::write(folder.join("number"), "2A\n").unwrap();
    let with = |more: &[&str]| {
        let own = ["ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
        openssl(folder, &[&own[..], more].concat());
    };
    with(&["-revoke", "gone.pem", "-crl_reason", "superseded"]);
    with(&[
        "-gencrl",
        "-out",
        "list.pem",
        "-crl_lastupdate",
        "20261121000000Z",
        "-crl_nextupdate",
        "20261130000000Z",
    ]);
    let input = fs::read(folder.join("list.pem")).unwrap();
    let list = waystation_pki::RevocationList::read(&input, authority.certificate(), None, now()).unwrap();
    assert_eq!(list.number, CrlNumber(42));
    let entries: Vec<_> = list.revoked.iter().map(|entry| (&entry.serial, entry.reason)).collect();
    assert_eq!(entries, [(&gone.serial, Reason::Superseded)]);
}
