//! Deadlines, in paused time: the clock moves only when every task waits.

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::*;

fn secure_origin(server: &Server) -> String {
    format!("https://a.test:{}", server.address.port())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_cut_at_the_total_deadline() {
    let server = Server::raw(|mut stream| async move {
        let mut next = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        while next.is_ok() {
            sleep(SECOND).await;
            next = stream.write_all(b"x").await;
        }
    })
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let started = Instant::now();
    let error = bench.fetch(&server.origin("a")).await.unwrap_err();
    assert_eq!(error.code(), "deadline");
    assert_eq!(started.elapsed().as_secs(), 60);
    let record = bench.record();
    assert_eq!(record.duration.as_secs(), 60);
    assert!((50..=60).contains(&record.bytes_received), "{}", record.bytes_received);
    server.closed(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_cut_at_the_total_deadline() {
    let server = Server::canned("").await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let started = Instant::now();
    assert_eq!(code(bench.get(&server.origin("a")).await), "deadline");
    assert_eq!(started.elapsed().as_secs(), 60);
    server.closed(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_plugin_can_wait_less_but_not_more() {
    let server = Server::canned("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    let silent = Server::canned("").await;
    let bench = Setup::granting(&[server.origin("a"), silent.origin("b")]).bench();

    let started = Instant::now();
    let wish = Timeouts { first_byte: Some(5 * SECOND), ..Timeouts::default() };
    assert_eq!(code(bench.client.send_with(get(&silent.origin("b")), wish).await), "response-timeout");
    assert_eq!(started.elapsed().as_secs(), 5);

    let started = Instant::now();
    let wish = Timeouts { between_bytes: Some(7 * SECOND), ..Timeouts::default() };
    let response = bench.client.send_with(get(&server.origin("a")), wish).await.unwrap();
    assert_eq!(code(response.into_body().collect().await), "response-timeout");
    assert_eq!(started.elapsed().as_secs(), 7);

    let started = Instant::now();
    let wish = Timeouts { first_byte: Some(500 * SECOND), ..Timeouts::default() };
    assert_eq!(code(bench.client.send_with(get(&silent.origin("b")), wish).await), "deadline");
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn the_readers_own_pause_is_not_the_servers_silence() {
    let server = Server::raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").await;
        sleep(22 * SECOND).await;
        let _ = stream.write_all(b"cd").await;
        drain(&mut stream).await;
    })
    .await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    let wish = Timeouts { between_bytes: Some(4 * SECOND), ..Timeouts::default() };
    let mut body = bench.client.send_with(get(&server.origin("a")), wish).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
    sleep(20 * SECOND).await;
    // Two seconds of silence, after twenty in which nobody listened.
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "cd");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_come_about_names_its_phase() {
    // Takes the connection and never says a word of TLS.
    let server = Server::start(LOOPBACK, |mut stream| async move { drain(&mut stream).await }).await;
    let mut setup = Setup::granting(&[secure_origin(&server)]);
    let (authority, _) = tls::authority();
    setup.roots = Roots::only(authority.path()).unwrap();
    let bench = setup.bench();
    let started = Instant::now();
    let error = bench.get(&secure_origin(&server)).await.unwrap_err();
    assert!(error.to_string().contains("TLS handshake") && error.code() == "connect-timeout", "{error}");
    assert_eq!(started.elapsed().as_secs(), 10);

    let table = Arc::new(Table { silent: true, ..Table::default() });
    let bench = Setup { table, ..Setup::granting(&["http://a.test".into()]) }.bench();
    let started = Instant::now();
    let wish = Timeouts { connect: Some(2 * SECOND), ..Timeouts::default() };
    let error = bench.client.send_with(get("http://a.test"), wish).await.unwrap_err();
    assert!(error.to_string().contains("name lookup") && error.code() == "connect-timeout", "{error}");
    assert_eq!(started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_half_a_minute() {
    let server = Server::http(|_| text("hello")).await;
    let bench = Setup::granting(&[server.origin("a")]).bench();
    bench.fetch(&server.origin("a")).await.unwrap();
    sleep(29 * SECOND).await;
    assert_eq!(server.seen.borrow().closed, 0);
    let started = Instant::now();
    server.closed(1).await;
    assert!(started.elapsed() <= 2 * SECOND, "{:?}", started.elapsed());
    assert!(format!("{:?}", bench.client).contains("connections: 0"));
}
