//! Which connections are used again, and by whom.

use super::*;

#[tokio::test]
async fn requests_in_a_row_share_a_connection() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    for round in 0..5 {
        assert_eq!(bench.fetch(&server.origin("a")).await.unwrap().1, "hello");
        assert_eq!((bench.last().reused, bench.last().address), (round > 0, Some(server.address)));
    }
    assert_eq!((server.opened(), bench.table.lookups()), (1, 1));
}

#[tokio::test]
async fn a_response_without_a_body_gives_its_connection_back_at_once() {
    let server = Server::http(|_| {
        let mut response = text("");
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        response
    })
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    for _ in 0..3 {
        // Nobody reads the body: there is none.
        bench.get(&server.origin("a")).await.unwrap();
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn a_request_whose_body_nobody_asks_for_gives_its_connection_back() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    for _ in 0..3 {
        let (feed, body) = Fed::new();
        let request = Request::get(server.origin("a")).body(body).unwrap();
        let response = bench.client.send(request).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
        drop(feed);
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn two_clients_share_no_connection() {
    let server = Server::http(|_| text("hello")).await;
    let benches = [(); 2].map(|()| Setup::granting(&[server.origin("a")]).bench());
    for _ in 0..2 {
        for bench in &benches {
            bench.fetch(&server.origin("a")).await.unwrap();
        }
    }
    assert_eq!(server.opened(), 2);
}

#[tokio::test]
async fn two_names_for_one_address_share_no_connection() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a"), server.origin("b")]).bench();
    for name in ["a", "b", "a", "b"] {
        bench.fetch(&server.origin(name)).await.unwrap();
    }
    assert_eq!(server.opened(), 2);
}

#[tokio::test]
async fn a_kept_connection_is_no_way_around_a_grant() {
    let server = Server::http(|_| text("hello")).await;
    let mut setup = Setup::granting(&[server.origin("a")]);
    // POST may go to loopback, GET may not.
    let mut get_only = HttpGrant::for_origin(server.origin("a").parse().unwrap());
    get_only.addresses.clear();
    setup.policy.grants[0].methods = Methods::try_from(vec!["POST".to_owned()]).unwrap();
    setup.policy.grants.push(get_only);
    let bench = setup.bench();
    let post = || Request::post(server.origin("a")).body(Empty::<Bytes>::new()).unwrap();
    bench.client.send(post()).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(code(bench.get(&server.origin("a")).await), "address-refused");
    // And the connection is still there for whom it is.
    bench.client.send(post()).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!((bench.last().reused, server.opened()), (true, 1));
}

#[tokio::test]
async fn a_body_that_is_dropped_takes_its_connection_with_it() {
    let server = Server::canned("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello").await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let mut body = bench.get(&server.origin("a")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    drop(body);
    server.closed(1).await;
    assert_eq!((bench.record().verdict, bench.record().bytes_received), (Verdict::Allowed, 5));
}

#[tokio::test]
async fn a_connection_whose_request_is_not_through_is_not_used_again() {
    let server = Server::http(|_| text("early")).await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let (feed, body) = Fed::new();
    let request = Request::post(server.origin("a")).body(body).unwrap();
    let response = bench.client.send(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "early");
    bench.fetch(&server.origin("a")).await.unwrap();
    assert_eq!((server.opened(), bench.last().reused), (2, false));
    drop(feed);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let server = Server::raw(|mut stream| async move {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
    })
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    for round in 1..=5 {
        assert_eq!(bench.fetch(&server.origin("a")).await.unwrap().1, "hello");
        server.closed(round).await;
    }
    assert_eq!(server.opened(), 5);
}

#[tokio::test(start_paused = true)]
async fn closing_a_client_closes_what_is_idle_and_lets_the_rest_end() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a"), server.origin("b")]).bench();
    bench.fetch(&server.origin("a")).await.unwrap();
    let under_way = bench.get(&server.origin("b")).await.unwrap();
    let started = tokio::time::Instant::now();
    bench.client.close();
    server.closed(1).await;
    assert_eq!(code(bench.get(&server.origin("a")).await), "client-closed");
    assert_eq!(under_way.into_body().collect().await.unwrap().to_bytes(), "hello");
    server.closed(2).await;
    assert_eq!(server.opened(), 2);
    assert!(started.elapsed() < SECOND, "closed by the idle timer");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_client_closes_its_connections() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    bench.fetch(&server.origin("a")).await.unwrap();
    let started = tokio::time::Instant::now();
    drop(bench);
    server.closed(1).await;
    assert!(started.elapsed() < SECOND, "closed by the idle timer");
}
