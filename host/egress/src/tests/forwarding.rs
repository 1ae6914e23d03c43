//! What goes out, what comes back, and what is kept of it.

use http::HeaderMap;
use secrecy::SecretString;

use super::*;

/// Hands each request's head to the test.
async fn spy() -> (Server, Arc<Mutex<Vec<http::request::Parts>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let seen = Arc::clone(&seen);
        Server::http(move |request| {
            seen.lock().push(request.into_parts().0);
            text("hello")
        })
    };
    (server.await, seen)
}

fn bound(name: &str, origin: &str) -> Credential {
    let binding = Binding::Header {
        origin: origin.parse().unwrap(),
        header: http::header::AUTHORIZATION,
        prefix: Some("Bearer ".to_owned()),
    };
    Credential::new(name.parse().unwrap(), SecretString::from("HUNTER2"), binding).unwrap()
}

#[tokio::test]
async fn a_request_goes_out_whole_and_is_recorded_without_its_query() {
    let (server, seen) = spy().await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let uri = format!("{}/v1/items?token=HUNTER2&page=2", server.origin("A"));
    let request = Request::post(uri)
        .header("host", format!("a.test:{}", server.address.port()))
        .header("accept", "text/plain")
        .body(Full::new(Bytes::from("ping")))
        .unwrap();
    let response = bench.client.send(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");

    let seen = seen.lock().pop().unwrap();
    assert_eq!(seen.uri, "/v1/items?token=HUNTER2&page=2");
    assert_eq!(seen.headers["host"], format!("a.test:{}", server.address.port()).as_str());
    assert_eq!(seen.headers["content-length"], "4");
    assert_eq!(seen.headers.len(), 3, "{:?}", seen.headers);

    let record = bench.record();
    assert_eq!(record.origin, Some(server.origin("a").parse().unwrap()));
    assert_eq!(
        (record.path.as_str(), record.rule, record.status),
        ("/v1/items", Some(0), Some(http::StatusCode::OK))
    );
    assert_eq!((record.bytes_sent, record.bytes_received), (4, 5));
    assert_eq!((record.address, record.reused), (Some(server.address), false));
    assert_eq!((record.verdict.clone(), record.time), (Verdict::Allowed, SystemTime::UNIX_EPOCH));
    assert!(!format!("{record:?}").contains("HUNTER2"));
    assert_eq!(bench.client.counters(), Counters { requests: 1, denied: 0, bytes_in: 5, bytes_out: 4 });
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let server = Server::http(|_| {
        let mut response = text("over there");
        *response.status_mut() = http::StatusCode::FOUND;
        response.headers_mut().insert("location", "http://127.0.0.1/internal".parse().unwrap());
        response
    })
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let response = bench.get(&server.origin("a")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &"http://127.0.0.1/internal".parse().unwrap())
    );
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "over there");
    assert_eq!((server.opened(), bench.record().status), (1, Some(http::StatusCode::FOUND)));
}

#[tokio::test]
async fn fields_of_the_connection_are_stripped_and_content_stays_encoded() {
    let server = Server::canned(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nX-Kept: 2\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let response = bench.get(&server.origin("a")).await.unwrap();
    let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-encoding", "x-kept"]);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "abc");
}

#[tokio::test]
async fn a_credential_reaches_its_origin_and_only_that() {
    let (server, seen) = spy().await;
    let (a, b) = (server.origin("a"), server.origin("b"));
    let mut setup = Setup::granting(&[a.clone(), b.clone()]);
    setup.policy.credentials = Credentials::new(vec![bound("main", &a)]);
    let bench = setup.bench();
    let with = |uri: &str, name| {
        Request::get(uri).header("waystation-credential", name).body(Empty::<Bytes>::new()).unwrap()
    };

    bench.client.send(with(&a, "main")).await.unwrap();
    let sent: HeaderMap = seen.lock().pop().unwrap().headers;
    assert_eq!(sent["authorization"], "Bearer HUNTER2");
    assert!(!sent.contains_key("waystation-credential"));
    assert_eq!(bench.last().credentials, ["main".parse().unwrap()]);

    for (uri, name) in [(&b, "main"), (&a, "other")] {
        let error = bench.client.send(with(uri, name)).await.unwrap_err();
        assert_eq!(error.code(), "credential-not-bound");
        assert!(!format!("{error} {error:?} {:?} {:?}", bench.last(), bench.client).contains("HUNTER2"));
    }
    // Unless it is asked for, it is not sent; and what a plugin sets itself needs a grant.
    bench.get(&a).await.unwrap();
    assert!(!seen.lock().pop().unwrap().headers.contains_key("authorization"));
    let own = Request::get(&a).header("authorization", "Bearer mine").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(code(bench.client.send(own).await), "header-not-granted");
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn a_denied_request_opens_nothing_and_is_recorded() {
    let (server, _) = spy().await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let error = bench.get(&server.origin("b")).await.unwrap_err();
    assert_eq!(error.code(), "origin-not-granted");
    assert!(error.to_string().contains(&format!("origin = \"{}\"", server.origin("b"))), "{error}");
    let record = bench.record();
    assert_eq!(
        record.verdict,
        Verdict::Denied(Reason { code: "origin-not-granted", message: error.to_string() })
    );
    assert_eq!((record.rule, record.address, record.status), (None, None, None));
    assert_eq!((server.opened(), bench.table.lookups()), (0, 0));
    assert_eq!(bench.client.counters(), Counters { requests: 1, denied: 1, ..Counters::default() });
}

#[tokio::test]
async fn an_audited_request_is_sent_and_recorded_as_such() {
    let (server, _) = spy().await;
    let mut setup = Setup::granting(&[server.origin("a")]);
    setup.policy.grants[0].mode = Mode::Audit;
    let bench = setup.bench();
    let request = Request::put(server.origin("a")).body(Empty::<Bytes>::new()).unwrap();
    bench.client.send(request).await.unwrap();
    assert!(matches!(bench.record().verdict, Verdict::Audited(Reason { code: "method-not-granted", .. })));
    // An origin that no grant names passes the gate and fails at the screening: addresses are never audited.
    assert_eq!(code(bench.get(&server.origin("b")).await), "address-refused");
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_is_recorded() {
    let server = Server::canned("").await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let origin = server.origin("a");
    let mut request = Box::pin(bench.get(&origin));
    tokio::select! {
        biased;
        _ = &mut request => panic!("there is no answer"),
        () = until(|| server.opened() == 1) => {}
    }
    drop(request);
    assert!(matches!(bench.record().verdict, Verdict::Failed(Reason { code: "cancelled", .. })));
    server.closed(1).await;
}

#[tokio::test]
async fn a_name_that_is_unknown_or_answers_nothing_is_a_failed_lookup() {
    let setup = Setup {
        table: Table::always(&[]),
        ..Setup::granting(&["http://a.test".into(), "http://a.example".into()])
    };
    let bench = setup.bench();
    assert_eq!(code(bench.get("http://a.test").await), "dns-failed");
    assert_eq!(code(bench.get("http://a.example").await), "dns-failed");
    assert!(matches!(bench.last().verdict, Verdict::Failed(_)));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failed_connection() {
    let gone = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let origin = format!("http://a.test:{}", gone.local_addr().unwrap().port());
    drop(gone);
    assert_eq!(
        code(Setup::granting(std::slice::from_ref(&origin)).bench().get(&origin).await),
        "connect-failed"
    );
}
