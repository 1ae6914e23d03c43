//! TLS over sockets: who gets in, who does not, and what they are told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    version,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};
use waystation_pki::{
    Authority, ClientVerifier, Identities, Peer, ServerKey, ServerNames, TrustStore, refusal, server_config,
};

use crate::support::{
    Credential, agent, authority, forged, later, moment, name, now, plain, reference_agent,
    reference_authority, signed_in_the_name_of, trusting,
};

#[derive(Debug)]
struct Clock(Timestamp);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// A server that says who is there, and answers each line as long as that is still good.
struct Server {
    address: SocketAddr,
    trust: Arc<TrustStore>,
    roots: RootCertStore,
    at: Timestamp,
    /// Who came, or why they did not get in.
    came: mpsc::UnboundedReceiver<Result<Peer, String>>,
}

async fn server(authority: &Authority, at: Timestamp) -> Server {
    let (trust, identities) = trusting(&[authority]);
    let names = ServerNames::new(["127.0.0.1"]).unwrap();
    let key = Arc::new(ServerKey::issued(&authority.issue_server(&names, at).unwrap()).unwrap());
    let verifier = Arc::new(ClientVerifier::new(identities.clone(), at));
    let config = server_config(key, verifier, Arc::new(Clock(at))).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, came) = mpsc::unbounded_channel();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(acceptor.clone(), stream, identities.clone(), at, tell.clone()));
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().certificate().der().clone()).unwrap();
    Server { address, trust, roots, at, came }
}

async fn connection(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    identities: Identities,
    at: Timestamp,
    tell: mpsc::UnboundedSender<Result<Peer, String>>,
) {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            let why = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
            let code = why.and_then(refusal).map(|own| own.code().to_owned());
            tell.send(Err(code.unwrap_or_else(|| error.to_string()))).unwrap();
            return;
        }
    };
    let peer = identities.of_connection(stream.get_ref().1.peer_certificates(), at);
    tell.send(peer.clone().map_err(|e| e.code().to_owned())).unwrap();
    let peer = peer.unwrap();
    let (reading, mut writing) = tokio::io::split(stream);
    let mut lines = BufReader::new(reading).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Peer::Agent(agent) = &peer
            && identities.still_good(agent, at).is_err()
        {
            break;
        }
        writing.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    let _ = writing.shutdown().await;
}

impl Server {
    fn config(
        &self,
        credential: Option<&Credential>,
        version: &'static SupportedProtocolVersion,
    ) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Clock(self.at)))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = builder.with_no_client_auth();
        if let Some(Credential { der, key }) = credential {
            let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
            config.client_auth_cert_resolver = shown(der, &key);
        }
        config
    }

    async fn connect(&self, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(config).connect(name, stream).await
    }

    /// Says `hello` and hears it back, or the alert.
    async fn hello(&self, config: Arc<ClientConfig>) -> Result<HandshakeKind, AlertDescription> {
        let alert = |e: std::io::Error| match e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert but {e}"),
        };
        let mut stream = self.connect(config).await.map_err(alert)?;
        // In TLS 1.3 the client is done before the server looked at its certificate.
        let _ = stream.write_all(b"hello\n").await;
        let mut said = [0; 6];
        stream.read_exact(&mut said).await.map_err(alert)?;
        assert_eq!(&said, b"hello\n");
        Ok(stream.get_ref().1.handshake_kind().unwrap())
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[tokio::test]
async fn an_agent_is_known_and_others_are_nobody() {
    let authority = authority();
    let mut server = server(&authority, now()).await;
    let (credential, issued) = agent(&authority, "agent:mac");
    for version in VERSIONS {
        server.hello(Arc::new(server.config(Some(&credential), version))).await.unwrap();
        let Some(Ok(Peer::Agent(agent))) = server.came.recv().await else { panic!() };
        assert_eq!((&agent.name, &agent.serial), (&name("agent:mac"), &issued.serial));
        assert_eq!(agent.presented.clone().unwrap().fingerprint, issued.fingerprint);
        server.hello(Arc::new(server.config(None, version))).await.unwrap();
        assert_eq!(server.came.recv().await, Some(Ok(Peer::Anonymous)));
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_ends_the_handshake_with_a_fitting_alert() {
    use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};
    let folder = tempfile::tempdir().unwrap();
    let (own, foreign) = (authority(), authority());
    let mut server = server(&own, now()).await;
    let of = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = plain("agent:mac");
        change(&mut params);
        forged(&own, &params)
    };
    let self_signed = {
        let key = rcgen::KeyPair::generate().unwrap();
        Credential { der: plain("agent:mac").self_signed(&key).unwrap().der().clone(), key }
    };
    reference_authority(folder.path());
    let (revoked, issued) = agent(&own, "agent:gone");
    server.trust.revoke(&issued.serial);
    let expired = of(&|p| (p.not_before, p.not_after) = (moment(later(-9)), moment(later(-1))));
    let in_its_name = signed_in_the_name_of(&own, rcgen::KeyPair::generate().unwrap(), &plain("agent:mac"));
    for (what, credential, alert, said) in [
        ("expired", expired, AlertDescription::CertificateExpired, ""),
        ("not yet valid", of(&|p| p.not_before = moment(later(1))), AlertDescription::CertificateExpired, ""),
        ("self-signed", self_signed, AlertDescription::UnknownCA, ""),
        ("of another authority", agent(&foreign, "agent:mac").0, AlertDescription::UnknownCA, ""),
        ("in its name, with another key", in_its_name, AlertDescription::UnknownCA, ""),
        ("revoked", revoked, AlertDescription::CertificateRevoked, ""),
        (
            "for servers",
            of(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            AlertDescription::UnsupportedCertificate,
            "",
        ),
        (
            "an authority",
            of(&|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            AlertDescription::UnsupportedCertificate,
            "",
        ),
        (
            "version 1",
            reference_agent(folder.path(), "/O=Portlama/CN=agent:mac", None),
            AlertDescription::CertificateUnknown,
            "certificate-version-1",
        ),
        ("of no name", forged(&own, &plain("admin")), AlertDescription::CertificateUnknown, "agent-name"),
    ] {
        for version in VERSIONS {
            let refused = server.hello(Arc::new(server.config(Some(&credential), version))).await;
            assert_eq!(refused, Err(alert), "{what}, {version:?}");
            let why = server.came.recv().await.unwrap().expect_err(what);
            assert!(why.contains(said), "{what}: {why}");
        }
    }
}

#[tokio::test]
async fn whoever_has_no_key_for_a_certificate_does_not_get_in() {
    let authority = authority();
    let mut server = server(&authority, now()).await;
    let (credential, _) = agent(&authority, "agent:mac");
    let (thief, _) = agent(&authority, "agent:thief");
    let stolen = Credential { der: credential.der, key: thief.key };
    for version in VERSIONS {
        let config = Arc::new(server.config(Some(&stolen), version));
        assert_eq!(server.hello(config).await, Err(AlertDescription::DecryptError));
        assert!(server.came.recv().await.unwrap().is_err());
    }
}

/// Shows a certificate and signs with a key, whatever they are: rustls itself would ask more of its client.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

fn shown(der: &CertificateDer<'static>, key: &PrivateKeyDer<'_>) -> Arc<Shown> {
    let key = any_supported_type(key).unwrap();
    Arc::new(Shown(Arc::new(CertifiedKey::new(vec![der.clone()], key))))
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn revocation_reaches_connections_that_are_open() {
    let authority = authority();
    let mut server = server(&authority, now()).await;
    let (credential, issued) = agent(&authority, "agent:mac");
    let mut stream =
        server.connect(Arc::new(server.config(Some(&credential), &version::TLS13))).await.unwrap();
    stream.write_all(b"one\n").await.unwrap();
    let mut said = [0; 4];
    stream.read_exact(&mut said).await.unwrap();
    assert!(matches!(server.came.recv().await, Some(Ok(Peer::Agent(_)))));
    server.trust.revoke(&issued.serial);
    stream.write_all(b"two\n").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "it is not answered any more");
}

#[tokio::test]
async fn no_session_brings_back_a_revoked_certificate() {
    let authority = authority();
    let mut server = server(&authority, now()).await;
    let (credential, issued) = agent(&authority, "agent:mac");
    for version in VERSIONS {
        // One configuration remembers sessions.
        let config = Arc::new(server.config(Some(&credential), version));
        for _ in 0..2 {
            assert_eq!(server.hello(Arc::clone(&config)).await, Ok(HandshakeKind::Full));
            assert!(server.came.recv().await.unwrap().is_ok());
        }
        server.trust.revoke(&issued.serial);
        assert_eq!(server.hello(Arc::clone(&config)).await, Err(AlertDescription::CertificateRevoked));
        assert!(server.came.recv().await.unwrap().is_err());
        server.trust.set_revoked(std::collections::HashSet::new());
    }
}

#[tokio::test]
async fn after_a_rotation_agents_of_both_authorities_get_in_and_then_only_of_the_new_one() {
    let (first, second) = (authority(), authority());
    let mut server = server(&first, now()).await;
    let (old, _) = agent(&first, "agent:old");
    let (new, _) = agent(&second, "agent:new");
    let both = vec![second.certificate().clone(), first.certificate().clone()];
    for (trusted, old_gets_in, new_gets_in) in [
        (vec![first.certificate().clone()], true, false),
        (both, true, true),
        (vec![second.certificate().clone()], false, true),
    ] {
        server.trust.trust(trusted);
        for (credential, gets_in) in [(&old, old_gets_in), (&new, new_gets_in)] {
            let config = Arc::new(server.config(Some(credential), &version::TLS13));
            let outcome = server.hello(config).await;
            assert_eq!(outcome.err(), (!gets_in).then_some(AlertDescription::UnknownCA));
            assert_eq!(server.came.recv().await.unwrap().is_ok(), gets_in);
        }
    }
}

#[tokio::test]
async fn a_listener_changes_its_certificate_while_it_runs() {
    let authority = authority();
    let names = ServerNames::new(["127.0.0.1"]).unwrap();
    let first = authority.issue_server(&names, now()).unwrap();
    let second = authority.issue_server(&names, now()).unwrap();
    let key = ServerKey::issued(&first).unwrap();
    let chain = second.certificate().to_pem();
    key.replace_files(chain.as_bytes(), &second.key_pem()).unwrap();
    key.replace_issued(&first).unwrap();
    let mixed = key.replace_files(chain.as_bytes(), &first.key_pem());
    assert_eq!(mixed.map_err(|e| e.code()), Err("server-certificate"), "the key of another certificate");
    let none = ServerKey::of_files(b"", &first.key_pem());
    assert_eq!(none.map_err(|e| e.code()).err(), Some("server-certificate"));
    assert!(ServerKey::of_files(chain.as_bytes(), &"no key".into()).is_err());
}
