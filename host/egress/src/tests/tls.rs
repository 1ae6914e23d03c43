//! TLS with an authority of our own: HTTP/2 and HTTP/1.1, certificates that are wrong, sessions.

use std::io::Write;

use http::Version;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::HandshakeKind;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

/// An authority: the file with its certificate, and what signs with it.
pub(super) fn authority() -> (tempfile::NamedTempFile, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::default()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificate.pem().as_bytes()).unwrap();
    (file, Issuer::new(params, key))
}

/// Accepts for `name` with the protocols `alpn`.
fn acceptor(issuer: &Issuer<'static, KeyPair>, name: &str, alpn: &[&str]) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(roots::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves whatever is behind the handshake.
async fn tls<F, R>(acceptor: TlsAcceptor, serve: F) -> Server
where
    F: Fn(TlsStream<TcpStream>) -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    Server::start(LOOPBACK, move |stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    })
    .await
}

fn secure(server: &Server) -> String {
    format!("https://a.test:{}", server.address.port())
}

fn trusting(server: &Server, authority: &tempfile::NamedTempFile) -> Setup {
    Setup { roots: Roots::only(authority.path()).unwrap(), ..Setup::granting(&[secure(server)]) }
}

fn version(request: &Request<Incoming>) -> &'static str {
    match request.version() {
        Version::HTTP_2 => "2",
        Version::HTTP_11 => "1.1",
        _ => "?",
    }
}

#[tokio::test]
async fn the_server_chooses_between_http2_and_http1() {
    let (file, issuer) = authority();
    let two = tls(acceptor(&issuer, "a.test", &["h2", "http/1.1"]), |stream| {
        http2(stream, |request| {
            // HTTP/2 has the origin in the URI and no host field.
            assert!(request.uri().host() == Some("a.test") && !request.headers().contains_key("host"));
            text(version(&request))
        })
    });
    let one = tls(acceptor(&issuer, "a.test", &["http/1.1"]), |stream| {
        http1(stream, |request| text(version(&request)))
    });
    let none =
        tls(acceptor(&issuer, "a.test", &[]), |stream| http1(stream, |request| text(version(&request))));
    for (server, expected) in [(two.await, "2"), (one.await, "1.1"), (none.await, "1.1")] {
        let bench = trusting(&server, &file).bench();
        for round in 0..3 {
            assert_eq!(bench.fetch(&secure(&server)).await.unwrap(), (200, Bytes::from(expected)));
            assert_eq!(bench.last().reused, round > 0);
        }
        assert_eq!(server.opened(), 1);
    }
}

#[tokio::test]
async fn requests_share_an_http2_connection_at_once_and_a_dropped_one_does_no_harm() {
    let (file, issuer) = authority();
    let server = tls(acceptor(&issuer, "a.test", &["h2"]), |stream| http2(stream, |_| text("hello"))).await;
    let bench = trusting(&server, &file).bench();
    let first = bench.get(&secure(&server)).await.unwrap();
    let second = bench.get(&secure(&server)).await.unwrap();
    let third = bench.get(&secure(&server)).await.unwrap();
    drop(second);
    for response in [third, first] {
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    bench.fetch(&secure(&server)).await.unwrap();
    assert_eq!(server.opened(), 1);
    bench.client.close();
    server.closed(1).await;
}

#[tokio::test]
async fn limits_hold_over_http2() {
    let (file, issuer) = authority();
    let server = tls(acceptor(&issuer, "a.test", &["h2"]), |stream| {
        http2(stream, |request| {
            let mut response = text(&"x".repeat(if request.uri().path() == "/body" { 200_000 } else { 10 }));
            let fields = match request.uri().path() {
                "/fields" => vec![10; 101],
                "/long" => vec![70_000],
                _ => Vec::new(),
            };
            for length in fields {
                response.headers_mut().append("x-filler", "y".repeat(length).parse().unwrap());
            }
            response
        })
    })
    .await;
    let bench = trusting(&server, &file).limits(|limits| limits.response_body = 100_000).bench();
    for (path, expected) in [
        ("/fields", "headers-too-large"),
        ("/long", "headers-too-large"),
        ("/body", "response-too-large"),
        ("/", "ok"),
    ] {
        assert_eq!(code(bench.fetch(&format!("{}{path}", secure(&server))).await), expected, "{path}");
    }
}

#[tokio::test]
async fn a_request_body_over_the_cap_is_named_over_http2_too() {
    let (file, issuer) = authority();
    let server = tls(acceptor(&issuer, "a.test", &["h2"]), |stream| async move {
        let service = service_fn(|request: Request<Incoming>| async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(text("done"))
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    })
    .await;
    let bench = trusting(&server, &file).limits(|limits| limits.request_body = 10).bench();
    let (feed, body) = Fed::new();
    for _ in 0..3 {
        feed.send(Bytes::from_static(b"12345")).unwrap();
    }
    let request = Request::post(secure(&server)).body(body).unwrap();
    assert_eq!(code(bench.client.send(request).await), "request-too-large");
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused() {
    let (file, issuer) = authority();
    let (other, _) = authority();
    let wrong_name =
        tls(acceptor(&issuer, "b.test", &["h2"]), |stream| http2(stream, |_| text("hello"))).await;
    let good = tls(acceptor(&issuer, "a.test", &["h2"]), |stream| http2(stream, |_| text("hello"))).await;

    let error = trusting(&wrong_name, &file).bench().get(&secure(&wrong_name)).await.unwrap_err();
    assert!(error.code() == "tls-failed" && error.to_string().contains("ca_file"), "{error}");
    assert_eq!(code(trusting(&good, &other).bench().get(&secure(&good)).await), "tls-failed");
    assert_eq!(code(Setup::granting(&[secure(&good)]).bench().get(&secure(&good)).await), "no-trust-roots");
    // A server that speaks no TLS at all.
    let plain = Server::start(LOOPBACK, |mut stream| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        drain(&mut stream).await;
    })
    .await;
    assert_eq!(code(trusting(&plain, &file).bench().get(&secure(&plain)).await), "tls-failed");
    assert_eq!(code(trusting(&good, &file).bench().get(&secure(&good)).await), "ok");
}

#[tokio::test]
async fn sessions_are_resumed_within_a_client_and_not_between_clients() {
    let (file, issuer) = authority();
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let kinds = Arc::clone(&kinds);
        tls(acceptor(&issuer, "a.test", &["http/1.1"]), move |stream| {
            kinds.lock().push(stream.get_ref().1.handshake_kind().unwrap());
            http1(stream, |_| {
                let mut response = text("hello");
                response.headers_mut().insert("connection", "close".parse().unwrap());
                response
            })
        })
        .await
    };
    let benches = [(); 2].map(|()| trusting(&server, &file).bench());
    for bench in &benches {
        for _ in 0..2 {
            bench.fetch(&secure(&server)).await.unwrap();
        }
    }
    let full = |kind: &HandshakeKind| !matches!(kind, HandshakeKind::Resumed);
    assert_eq!(kinds.lock().iter().map(full).collect::<Vec<_>>(), [true, false, true, false]);
}
