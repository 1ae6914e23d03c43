//! Who connects, by certificate: over the host's own TLS, and behind proxies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio_rustls::TlsConnector;
use waystation_pki::{AgentSubject, Authority, CertificateRequest, Naming, Organization};
use waystation_tests::patience::until;
use waystation_tests::settings::HOST;
use waystation_tests::{Folder, Host};

fn folder(sections: &str) -> Result<Folder> {
    Folder::with_text(&format!("{HOST}\n{sections}"))
}

/// An agent's certificate and key.
struct Agent {
    der: CertificateDer<'static>,
    key: KeyPair,
}

/// As the host's authority issues it. Agents cannot enrol yet over the API, so its files are used.
fn agent(authority: &Authority, name: &str) -> Agent {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let request = CertificateRequest::read(request.der()).unwrap();
    let subject = AgentSubject { name: name.parse().unwrap(), tenant: "default".parse().unwrap() };
    let naming = Naming {
        trust_domain: "waystation.internal".parse().unwrap(),
        organization: Organization::default(),
        crl_url: None,
    };
    let issued = authority.issue_agent(&request, &subject, &naming, Timestamp::now()).unwrap();
    Agent { der: CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap(), key }
}

fn authority(folder: &Folder) -> Result<Authority> {
    let files = std::fs::read_dir(folder.data().join("pki"))?;
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("authority-");
    let files = files.map(|entry| entry.unwrap().path()).filter(named);
    let pem = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "pem")).context("none")?;
    let key = SecretString::from(std::fs::read_to_string(pem.with_extension("key"))?);
    Ok(Authority::load(&std::fs::read(pem)?, &key, Timestamp::now())?)
}

/// A host that speaks TLS, and its address. It is ready when the command line, over TLS, reaches it.
async fn serve(folder: &Folder) -> Result<(Child, String)> {
    let log = std::fs::File::create(folder.path().join("stderr.log"))?;
    let host = folder.command(&["serve"])?.stdout(log.try_clone()?).stderr(log).spawn()?;
    let served = until("the host answers over TLS", async || {
        let Ok(address) = std::fs::read_to_string(folder.data().join("address")) else { return Ok(None) };
        let stream = TcpStream::connect(address.trim()).await;
        Ok(stream.is_ok().then_some(address))
    })
    .await
    .with_context(|| std::fs::read_to_string(folder.path().join("stderr.log")).unwrap_or_default())
    .map(|address| (host, address));
    folder.own().await?;
    served
}

fn client(roots: &Path, agent: Option<&Agent>) -> Result<TlsConnector> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots)? {
        store.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(store);
    let config = match agent {
        None => builder.with_no_client_auth(),
        Some(Agent { der, key }) => {
            let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
            builder.with_client_auth_cert(vec![der.clone()], key)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Status and body of `/api/v1/certificate`, and the certificate of the host.
async fn ask(connector: &TlsConnector, address: &str, token: &str) -> Result<(String, Value, Vec<u8>)> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let request = format!(
        "GET /api/v1/certificate HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
    let status = head.split_whitespace().nth(1).context("no status")?.to_owned();
    let certificates = stream.get_ref().1.peer_certificates().context("no certificate")?;
    Ok((status, serde_json::from_str(body)?, certificates[0].to_vec()))
}

#[tokio::test]
async fn a_host_speaks_tls_and_knows_agents_by_their_certificates() -> Result<()> {
    let folder = folder("[server.tls]\nenabled = true\n")?;
    let (_host, address) = serve(&folder).await?;
    let ran = folder.run(&["plugin", "list", "--json"]).await?;
    assert_eq!(ran.code, 0, "the command line trusts the host's own authority: {ran:?}");
    let token = folder.token()?;
    let roots = folder.data().join("pki/authorities.pem");
    let own = authority(&folder)?;

    let mac = agent(&own, "agent:mac");
    let (status, body, _) = ask(&client(&roots, Some(&mac))?, &address, token.trim()).await?;
    assert_eq!((status.as_str(), body["agent"]["name"].as_str()), ("200", Some("agent:mac")));
    assert_eq!(body["agent"]["tenant"], "default");
    assert_eq!(body["agent"]["fingerprint"].as_str().map(str::len), Some(64));
    let (status, body, _) = ask(&client(&roots, None)?, &address, token.trim()).await?;
    assert_eq!((status.as_str(), &body["agent"]), ("200", &Value::Null));
    // A certificate is no token: each credential is for its own plane.
    let (status, ..) = ask(&client(&roots, Some(&mac))?, &address, "wrong").await?;
    assert_eq!(status, "401");

    let stranger = Authority::create(&Organization::default(), Timestamp::now())?;
    let refused = ask(&client(&roots, Some(&agent(&stranger, "agent:mac")))?, &address, token.trim()).await;
    let refused = refused.unwrap_err();
    let refused = refused.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref()).unwrap();
    let alert = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
    assert_eq!(refused.downcast_ref::<rustls::Error>(), Some(&alert));

    let mut plain = TcpStream::connect(&address).await?;
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "no plain HTTP where TLS is spoken");
    Ok(())
}

#[tokio::test]
async fn a_certificate_in_files_is_read_again_when_it_changes() -> Result<()> {
    let tls = "[server.tls]\nenabled = true\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
    let folder = folder(tls)?;
    let [pem, key, roots] = ["server.pem", "server.key", "roots.pem"].map(|file| folder.path().join(file));
    let made: Vec<_> = (0..2)
        .map(|_| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            (params.self_signed(&key).unwrap(), key)
        })
        .collect();
    let [(first, first_key), (second, second_key)] = made.as_slice() else { panic!() };
    std::fs::write(&roots, first.pem() + &second.pem())?;
    std::fs::write(&pem, first.pem())?;
    std::fs::write(&key, first_key.serialize_pem())?;
    folder.own_first().await?;
    let (_host, address) = serve(&folder).await?;
    let token = folder.token()?;
    let connector = client(&roots, None)?;
    let shown = async || Ok::<_, anyhow::Error>(ask(&connector, &address, token.trim()).await?.2);
    assert_eq!(shown().await?, first.der().to_vec());

    let ran = folder.run(&["plugin", "list", "--json"]).await?;
    assert!(
        ran.code == 4 && ran.stderr.contains("\"code\":\"tls\""),
        "nobody trusts this certificate: {ran:?}"
    );

    // A certificate without its key is no reason to stop.
    std::fs::write(&pem, second.pem())?;
    let log = || std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    until("it is told", async || Ok(log().contains("server-certificate").then_some(()))).await?;
    assert_eq!(shown().await?, first.der().to_vec());
    std::fs::write(&key, second_key.serialize_pem())?;
    until("the new one is shown", async || Ok((shown().await? == second.der().to_vec()).then_some(()))).await
}

#[tokio::test]
async fn a_host_does_not_start_with_a_certificate_that_cannot_be_used() -> Result<()> {
    let tls = "[server.tls]\nenabled = true\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
    let folder = folder(tls)?;
    let ran = folder.run(&["serve", "--json"]).await?;
    assert!(ran.code != 0 && ran.stderr.contains("pki-file"), "{ran:?}");
    std::fs::write(folder.path().join("server.pem"), "no certificate")?;
    std::fs::write(folder.path().join("server.key"), "no key")?;
    let ran = folder.run(&["serve", "--json"]).await?;
    assert!(ran.code != 0 && ran.stderr.contains("server-certificate"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_revoked_agent_is_refused_on_the_connection_that_it_has_and_on_new_ones() -> Result<()> {
    let folder = folder("[server.tls]\nenabled = true\n[pki]\nrevoked = \"revoked.txt\"\n")?;
    let revoked = folder.path().join("revoked.txt");
    std::fs::write(&revoked, "")?;
    let (_host, address) = serve(&folder).await?;
    let token = folder.token()?;
    let mac = agent(&authority(&folder)?, "agent:mac");
    let connector = client(&folder.data().join("pki/authorities.pem"), Some(&mac))?;
    let stream = TcpStream::connect(&address).await?;
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let request = format!(
        "GET /api/v1/certificate HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        token.trim()
    );
    let mut again = async || {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await?;
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    assert!(again().await?.contains("agent:mac"));
    let serial = waystation_pki::Certificate::from_der(&mac.der)?.serial().to_string();
    std::fs::write(&revoked, format!("{} # mac, lost\n", serial.to_uppercase()))?;
    let refused = until("the revoked agent is refused", async || {
        let answer = again().await?;
        Ok((!answer.contains("agent:mac")).then_some(answer))
    })
    .await?;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("certificate-revoked"), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
    let anew = ask(&connector, &address, token.trim()).await.unwrap_err();
    assert!(format!("{anew:#}").contains("CertificateRevoked"), "{anew:#}");
    Ok(())
}

#[tokio::test]
async fn authorities_take_turns_and_agents_of_both_get_in() -> Result<()> {
    let folder = folder("[server.tls]\nenabled = true\n")?;
    assert_eq!(folder.run(&["pki", "show", "--json"]).await?.code, 6, "there is none before the first start");
    let (mut host, address) = serve(&folder).await?;
    let old = agent(&authority(&folder)?, "agent:old");
    let first = folder.run(&["pki", "show", "--json"]).await?.json()?;
    // As nothing of it is in the running host, that goes on with the first one.
    let rotated = folder.run(&["pki", "rotate", "--json"]).await?.json()?;
    assert_eq!(rotated["authorities"].as_array().map(Vec::len), Some(2));
    assert_eq!(rotated["authorities"][1]["id"], first["authorities"][0]["id"]);
    let token = folder.token()?;
    let roots = folder.data().join("pki/authorities.pem");
    assert_eq!(ask(&client(&roots, Some(&old))?, &address, token.trim()).await?.0, "200");
    host.kill().await?;
    std::fs::remove_file(folder.data().join("address"))?;

    let (_host, address) = serve(&folder).await?;
    let ran = folder.run(&["plugin", "list"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, body, _) = ask(&client(&roots, Some(&old))?, &address, token.trim()).await?;
    assert_eq!(body["agent"]["name"], "agent:old");
    Ok(())
}

/// Whom the host sees, or the code of its refusal.
async fn seen(host: &Host, headers: &[(&str, &str)]) -> Result<String> {
    let mut request = host.api.request(Method::GET, "/api/v1/certificate");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = host.api.send(request).await?;
    let body = answer.json();
    Ok(match answer.status {
        200 => body["agent"]["name"].as_str().unwrap_or("nobody").to_owned(),
        status => format!("{status} {}", body["code"].as_str().unwrap_or_default()),
    })
}

#[tokio::test]
async fn a_proxy_is_believed_from_its_address_and_in_its_form() -> Result<()> {
    let subject = [
        ("x-ssl-client-verify", "SUCCESS"),
        ("x-ssl-client-dn", "O=Waystation,CN=agent:mac"),
        ("x-ssl-client-serial", "0B98"),
    ];
    // From an address that is not listed nothing is looked at.
    let elsewhere =
        folder("[server.proxy]\ntrusted = [\"192.0.2.0/24\"]\ncertificate_header = \"x-ssl-client\"\n")?;
    let host = Host::start(&elsewhere).await?;
    assert_eq!(seen(&host, &subject).await?, "nobody");
    assert_eq!(seen(&host, &[subject[0], subject[0]]).await?, "nobody");
    host.stop().await?;

    let here = folder("[server.proxy]\ntrusted = [\"127.0.0.1\"]\ncertificate_header = \"x-ssl-client\"\n")?;
    let host = Host::start(&here).await?;
    assert_eq!(seen(&host, &[]).await?, "nobody");
    assert_eq!(seen(&host, &subject).await?, "agent:mac");
    assert_eq!(seen(&host, &subject[..2]).await?, "403 proxy-header");
    assert_eq!(seen(&host, &subject[1..]).await?, "403 proxy-not-verified");
    let double = [subject[0], subject[1], subject[2], ("x-ssl-client-dn", "CN=agent:root")];
    assert_eq!(seen(&host, &double).await?, "403 proxy-header");
    assert_eq!(
        seen(&host, &[subject[0], ("x-ssl-client-dn", "CN=admin"), subject[2]]).await?,
        "403 agent-name"
    );
    assert!(host.log()?.contains("any process here can name any agent"));
    host.stop().await?;

    let whole = folder("[server.proxy]\ntrusted = [\"127.0.0.1\"]\ncertificate_header = \"client-cert\"\n")?;
    let host = Host::start(&whole).await?;
    assert_eq!(seen(&host, &subject).await?, "nobody", "one form, and no other");
    let value = |agent: &Agent| format!(":{}:", STANDARD.encode(&agent.der));
    let good = value(&agent(&authority(&whole)?, "plugin-agent:mac:shell"));
    assert_eq!(seen(&host, &[("client-cert", &good)]).await?, "plugin-agent:mac:shell");
    let stranger = Authority::create(&Organization::default(), Timestamp::now())?;
    let bad = value(&agent(&stranger, "agent:mac"));
    assert_eq!(seen(&host, &[("client-cert", &bad)]).await?, "403 certificate-unknown-issuer");
    host.stop().await
}
