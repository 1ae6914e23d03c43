//! Clients of the API that do not get on with it hold neither the host nor other clients.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use waystation_tests::patience::PATIENCE;
use waystation_tests::settings::HOST;
use waystation_tests::{Folder, Host};

/// A host with these keys in `[server]`.
async fn host(more: &str) -> Result<(Folder, Host)> {
    let folder = Folder::with_text(&HOST.replace("[server]\n", &format!("[server]\n{more}")))?;
    let host = Host::start(&folder).await?;
    Ok((folder, host))
}

async fn connect(host: &Host) -> Result<TcpStream> {
    let address = host.api.base().strip_prefix("http://").context("no address")?;
    Ok(TcpStream::connect(address).await?)
}

/// Everything until the host closes the connection.
async fn rest(stream: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    drop(read.context("the host keeps the connection")?);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn half_a_head_and_an_idle_connection_are_closed_in_time() -> Result<()> {
    let (_folder, host) = host("header_timeout = \"500ms\"\n").await?;
    let mut silent = connect(&host).await?;
    let mut half = connect(&host).await?;
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-more: ").await?;
    let mut idle = connect(&host).await?;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;

    let began = Instant::now();
    assert!(!rest(&mut half).await?.contains("200 OK"));
    assert!(!rest(&mut silent).await?.contains("200 OK"));
    let answered = rest(&mut idle).await?;
    assert!(answered.starts_with("HTTP/1.1 200 OK") && answered.ends_with("ok\n"), "{answered}");
    assert!(began.elapsed() < Duration::from_secs(30), "closed after {:?}", began.elapsed());
    assert!(host.api.is_ready().await);
    host.stop().await
}

#[tokio::test]
async fn a_head_that_drips_is_cut_however_often_a_byte_comes() -> Result<()> {
    let (_folder, host) = host("header_timeout = \"500ms\"\n").await?;
    let mut drip = connect(&host).await?;
    drip.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-more: ").await?;
    let began = Instant::now();
    let mut byte = [0; 1];
    loop {
        assert!(began.elapsed() < PATIENCE, "the head is still read");
        if drip.write_all(b"x").await.is_err() {
            break;
        }
        // A byte or an end from the host, or time for the next byte.
        let heard = tokio::time::timeout(Duration::from_millis(50), drip.read(&mut byte)).await;
        if let Ok(Ok(0) | Err(_)) = heard {
            break;
        }
    }
    host.stop().await
}

#[tokio::test]
async fn connections_are_bounded_and_those_beyond_wait_for_their_turn() -> Result<()> {
    let (_folder, host) = host("header_timeout = \"2s\"\nmax_connections = 2\n").await?;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&host).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
        held.push(stream);
    }
    // The client of the test's own start may still hold one; whichever it is, all end, and then it is our turn.
    let mut waiting = connect(&host).await?;
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
    let answered = rest(&mut waiting).await?;
    assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
    // It was answered only after one of those before it had been closed.
    let mut closed = 0;
    for stream in &mut held {
        let mut byte = [0; 1];
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
        closed += usize::from(read.is_ok());
    }
    assert!(closed >= 1, "none of the connections before it was closed");
    assert!(host.log()?.contains("server.max_connections"), "{}", host.log()?);
    host.stop().await
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() -> Result<()> {
    let (_folder, host) = host("").await?;
    let mut stream = connect(&host).await?;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-more: {}\r\n\r\n", "x".repeat(200_000));
    // The host may close before it read all of it.
    drop(stream.write_all(head.as_bytes()).await);
    assert!(!rest(&mut stream).await?.contains("200 OK"));
    assert!(host.api.is_ready().await);
    host.stop().await
}

#[tokio::test]
async fn a_half_head_does_not_hold_the_host_when_it_stops() -> Result<()> {
    let (_folder, host) = host("header_timeout = \"500ms\"\n").await?;
    let mut half = connect(&host).await?;
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n").await?;
    let began = Instant::now();
    host.stop().await?;
    assert!(began.elapsed() < Duration::from_secs(15), "stopped after {:?}", began.elapsed());
    Ok(())
}
