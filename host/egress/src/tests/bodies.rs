//! Sizes, and servers that break off or talk nonsense.

use http_body_util::StreamBody;
use tokio::io::AsyncWriteExt;

use super::*;

const CAP: u64 = 100_000;

async fn against(server: &Server) -> Bench {
    Setup::granting(&[server.origin("a")]).limits(|limits| limits.response_body = CAP).bench()
}

#[tokio::test]
async fn a_body_announced_over_the_cap_fails_before_it_is_read() {
    let server = Server::canned(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", CAP + 1)).await;
    let bench = against(&server).await;
    assert_eq!(code(bench.get(&server.origin("a")).await), "response-too-large");
    assert_eq!(bench.record().bytes_received, 0);
    server.closed(1).await;
}

#[tokio::test]
async fn a_body_streamed_over_the_cap_is_cut_at_the_cap() {
    let server = Server::raw(|mut stream| async move {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut next = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        // Far more than the cap, and not for ever: a client that takes it all must fail, not hang.
        for _ in 0..2_000 {
            if next.is_ok() {
                next = stream.write_all(chunk.as_bytes()).await;
            }
        }
    })
    .await;
    let bench = against(&server).await;
    let mut body = bench.get(&server.origin("a")).await.unwrap().into_body();
    let mut received = 0;
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => received += frame.into_data().unwrap().len() as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "response-too-large");
    assert!(received <= CAP);
    assert!(body.frame().await.is_none() && body.is_end_stream());
    // What was read beyond the cap is at most one buffer.
    assert!(bench.record().bytes_received <= CAP + 64 * 1024);
    assert!(matches!(bench.record().verdict, Verdict::Failed(_)));
    server.closed(1).await;
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_passes() {
    let full = "x".repeat(CAP as usize);
    let announced = Server::canned(format!("HTTP/1.1 200 OK\r\nContent-Length: {CAP}\r\n\r\n{full}")).await;
    let streamed = Server::canned(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CAP:x}\r\n{full}\r\n0\r\n\r\n"
    ))
    .await;
    for server in [announced, streamed] {
        let (_, body) = against(&server).await.fetch(&server.origin("a")).await.unwrap();
        assert_eq!(body.len() as u64, CAP);
    }
}

#[tokio::test]
async fn the_length_in_an_answer_to_head_is_not_a_body() {
    let server = Server::canned(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", CAP * 10)).await;
    let bench = against(&server).await;
    let request = Request::head(server.origin("a")).body(Empty::<Bytes>::new()).unwrap();
    let response = bench.client.send(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], (CAP * 10).to_string().as_str());
    assert!(response.into_body().is_end_stream());
}

#[tokio::test]
async fn a_head_over_the_limits_is_refused() {
    let many = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let long = format!("x-long: {}\r\n", "y".repeat(70_000));
    let spread = (0..90).map(|n| format!("x-{n}: {}\r\n", "y".repeat(800))).collect::<String>();
    for fields in [many, long, spread] {
        let server = Server::canned(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
        let bench = against(&server).await;
        let error = bench.get(&server.origin("a")).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("headers-too-large", Class::Failed));
    }
    let fits = (0..98).map(|n| format!("x-{n}: {}\r\n", "y".repeat(600))).collect::<String>();
    let server = Server::canned(format!("HTTP/1.1 204 No Content\r\n{fits}\r\n")).await;
    assert_eq!(code(against(&server).await.get(&server.origin("a")).await), "ok");
}

#[tokio::test]
async fn a_server_that_breaks_off_or_talks_nonsense_is_told_apart() {
    let table = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "connection-lost"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf", "connection-lost"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad-response"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "connection-lost"),
        ("", "connection-lost"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad-response"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad-response"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bad-response"),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", "ok"),
    ];
    for (answer, expected) in table {
        let server = Server::raw(move |mut stream| async move {
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let bench = against(&server).await;
        assert_eq!(code(bench.fetch(&server.origin("a")).await), expected, "{answer}");
        let failed =
            matches!(bench.record().verdict, Verdict::Failed(Reason { code, .. }) if code == expected);
        assert!(failed || expected == "ok", "{answer}: {:?}", bench.record());
    }
}

#[tokio::test]
async fn trailers_are_bounded_and_stripped() {
    let answer = |trailers: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n1\r\na\r\n0\r\n{trailers}\r\n"
        )
    };
    let server = Server::canned(answer("x-sum: 1\r\nconnection: x\r\n")).await;
    let body = against(&server).await.get(&server.origin("a")).await.unwrap().into_body();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
    assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &http::HeaderValue::from_static("1")));
    let server = Server::canned(answer(&format!("x-sum: {}\r\n", "y".repeat(70_000)))).await;
    assert_eq!(code(against(&server).await.fetch(&server.origin("a")).await), "bad-response");
}

#[tokio::test]
async fn a_request_over_the_limits_does_not_leave() {
    let server = Server::canned("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let setup = Setup::granting(&[server.origin("a")]).limits(|limits| limits.request_body = 10);
    let bench = setup.bench();
    let uri = server.origin("a");
    let post = || Request::post(&uri);
    let body = |length: usize| Full::new(Bytes::from("x".repeat(length)));
    assert_eq!(code(bench.client.send(post().body(body(11)).unwrap()).await), "request-too-large");
    let announced = post()
        .header("content-length", "11")
        .body(StreamBody::new(futures::stream::empty::<Result<Frame<Bytes>, Infallible>>()))
        .unwrap();
    assert_eq!(code(bench.client.send(announced).await), "request-too-large");
    let twice = post().header("content-length", "1").header("content-length", "1").body(body(1)).unwrap();
    assert_eq!(code(bench.client.send(twice).await), "bad-request");
    let mut many = post().body(body(0)).unwrap();
    for n in 0..101 {
        many.headers_mut().append("x-many", n.into());
    }
    let error = bench.client.send(many).await.unwrap_err();
    assert_eq!((error.code(), error.class()), ("headers-too-large", Class::Denied));
    let long = post().header("x-long", "y".repeat(70_000)).body(body(0)).unwrap();
    assert_eq!(code(bench.client.send(long).await), "headers-too-large");
    let target = Request::get(format!("{uri}/{}", "y".repeat(65_000))).body(body(0)).unwrap();
    let limited =
        Setup::granting(&[server.origin("a")]).limits(|limits| limits.header_bytes = 60_000).bench();
    assert_eq!(code(limited.client.send(target).await), "headers-too-large");
    assert_eq!(server.opened(), 0);
    assert_eq!(code(bench.client.send(post().body(body(10)).unwrap()).await), "ok");
}

#[tokio::test]
async fn a_request_body_that_outgrows_the_cap_is_cut_on_its_way() {
    let received = Arc::new(AtomicUsize::new(0));
    let server = {
        let received = Arc::clone(&received);
        Server::raw(move |mut stream| {
            let received = Arc::clone(&received);
            async move {
                let mut bytes = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    received.fetch_add(read, Ordering::SeqCst);
                }
            }
        })
        .await
    };
    let bench = Setup::granting(&[server.origin("a")]).limits(|limits| limits.request_body = 10).bench();
    let (feed, body) = Fed::new();
    for _ in 0..3 {
        feed.send(Bytes::from_static(b"12345")).unwrap();
    }
    let request = Request::post(server.origin("a")).body(body).unwrap();
    assert_eq!(code(bench.client.send(request).await), "request-too-large");
    server.closed(1).await;
    // Two chunks of 5 with their framing; never the third, never the end.
    assert!(received.load(Ordering::SeqCst) <= 2 * (5 + "5\r\n\r\n".len()));
    assert_eq!(bench.record().bytes_sent, 10);
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_are_refused() {
    let server = Server::canned("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    let bench = Setup::granting(&[server.origin("a")]).limits(|limits| limits.in_flight = 1).bench();
    let first = bench.get(&server.origin("a")).await.unwrap();
    let error = bench.get(&server.origin("a")).await.unwrap_err();
    assert_eq!((error.code(), error.class()), ("too-many-in-flight", Class::Denied));
    drop(first);
    assert_eq!(code(bench.get(&server.origin("a")).await), "ok");
}
