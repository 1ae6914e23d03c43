//! What agents are told at once, through the real host over TLS, and who is told nothing more.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use waystation_tests::agents::{Events, TlsHost};
use waystation_tests::pair::{Pair, SHELL, text};
use waystation_tests::{Database, until};

const STREAM: &str = "/api/tickets/inbox/stream";

/// All that is, up to `ready`: the inbox and the open sessions.
async fn snapshot(events: &mut Events) -> Result<(Value, Vec<Value>)> {
    let inbox = events.at_once("inbox").await?;
    let mut sessions = Vec::new();
    loop {
        match events.next().await? {
            Some((name, _)) if name == "ready" => return Ok((inbox, sessions)),
            Some((name, data)) if name == "session" => sessions.push(data),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_ticket_and_the_end_of_its_session_are_told_at_once() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let (mut target, mut source) = (pair.target.follow(STREAM).await?, pair.source.follow(STREAM).await?);
    for events in [&mut target, &mut source] {
        assert_eq!(snapshot(events).await?, (json!({ "tickets": [] }), vec![]));
    }
    let id = pair.ticket().await?;
    let inbox = target.at_once("inbox").await?;
    assert_eq!(inbox["tickets"][0]["id"], id);
    let (_, polled) = pair.target.call("GET", "/api/tickets/inbox", None).await?;
    assert_eq!(inbox, polled, "the same as whoever polls is told");
    assert_eq!(pair.validate(&id).await?.0, 200);
    assert_eq!(target.at_once("inbox").await?, json!({ "tickets": [] }));

    let (_, opened) = pair.session(&id).await?;
    let session = text(&opened["session"]["sessionId"]).to_owned();
    for (events, role, peer) in [(&mut target, "target", "source"), (&mut source, "source", "target")] {
        let told = events.at_once("session").await?;
        assert_eq!((&told["sessionId"], &told["status"]), (&json!(session), &json!("active")));
        assert_eq!((&told["role"], &told["peer"]), (&json!(role), &json!(peer)));
        assert!(!told.to_string().contains(&id), "no secret: {told}");
    }
    // Somebody who comes later is told what is.
    let mut late = pair.source.follow(STREAM).await?;
    let (_, open) = snapshot(&mut late).await?;
    assert_eq!((open.len(), &open[0]["sessionId"]), (1, &json!(session)));

    let path = format!("/api/tickets/sessions/{session}");
    let grace = json!({ "status": "grace" });
    assert_eq!(pair.target.call("PATCH", &path, Some(&grace)).await?.0, 200);
    for events in [&mut target, &mut source, &mut late] {
        assert_eq!(events.at_once("session").await?["status"], "grace");
    }
    assert_eq!(pair.operator.call("DELETE", &path, None).await?.0, 200);
    for events in [&mut target, &mut source, &mut late] {
        let told = events.at_once("session").await?;
        assert_eq!((&told["status"], &told["reason"]), (&json!("dead"), &json!("admin_killed")));
    }
    // Whoever was away sees that it is not there, and asks why.
    let mut again = pair.target.follow(STREAM).await?;
    assert_eq!(snapshot(&mut again).await?, (json!({ "tickets": [] }), vec![]));
    let (status, told) = pair.target.call("GET", &path, None).await?;
    assert_eq!((status, &told["alive"], &told["reason"]), (200, &json!(false), &json!("admin_killed")));

    // What stands on an assignment, an instance, a capability, ends with it, and that is told.
    for (n, reason) in ["assignment_removed", "capability_removed", "instance_gone"].into_iter().enumerate() {
        let id = pair.admitted().await?;
        let assignment = format!("/api/tickets/assignments/target/{SHELL}%3A{}", pair.instance);
        let done = match n {
            0 => pair.operator.call("DELETE", &assignment, None).await?,
            1 => {
                let none = json!({ "capabilities": [] });
                pair.operator.call("PATCH", "/api/v1/agents/target", Some(&none)).await?
            }
            _ => {
                let path = format!("/api/tickets/instances/{}", pair.instance);
                pair.source.call("DELETE", &path, None).await?
            }
        };
        assert_eq!(done.0, 200, "{done:?}");
        let told = loop {
            let (name, told) = source.next().await?.unwrap();
            if name == "session" && told["status"] == "dead" {
                break told;
            }
        };
        assert_eq!((&told["sessionId"], &told["reason"]), (&json!(id), &json!(reason)));
        match n {
            0 => pair.assign("target").await?,
            1 => {
                let all = json!({ "capabilities": [SHELL] });
                let told = pair.operator.call("PATCH", "/api/v1/agents/target", Some(&all)).await?;
                assert_eq!(told.0, 200, "{told:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_revoked_agent_hears_nothing_more_at_once() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let session = pair.admitted().await?;
    let (mut target, mut source) = (pair.target.follow(STREAM).await?, pair.source.follow(STREAM).await?);
    snapshot(&mut target).await?;
    snapshot(&mut source).await?;
    let waiting = tokio::spawn({
        let target = pair.target.clone();
        async move { target.call("GET", "/api/tickets/inbox?wait=30", None).await }
    });
    let since = Instant::now();
    assert_eq!(pair.operator.call("DELETE", "/api/v1/agents/target", None).await?.0, 200);
    // Whichever it hears of first.
    let end = target.at_once("end").await?;
    assert!(["agent_revoked", "certificate_revoked"].contains(&text(&end["reason"])), "{end}");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(target.next().await?, None, "and that is the end of it");
    let told = source.at_once("session").await?;
    assert_eq!((&told["sessionId"], &told["reason"]), (&json!(session), &json!("target_revoked")));
    match waiting.await? {
        Ok((status, told)) => assert_eq!((status, told["error"].is_string()), (403, true), "{told}"),
        // It was late, and found the door closed.
        Err(e) => assert!(e.is::<std::io::Error>(), "{e:?}"),
    }
    // Its tickets are for it when it is enrolled again, on a new connection only.
    let again = pair.host.enrol("target", &[SHELL]).await?;
    let (_, sessions) = snapshot(&mut again.follow(STREAM).await?).await?;
    assert!(sessions.is_empty());
    assert!(pair.target.follow(STREAM).await.is_err());
    Ok(())
}

#[tokio::test]
async fn whoever_waits_gets_a_ticket_at_once_and_nobody_waits_too_often() -> Result<()> {
    let folder = TlsHost::folder("[tickets]\nmax_streams = 2\n")?;
    let pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let mut first = pair.target.follow(STREAM).await?;
    snapshot(&mut first).await?;
    // One waits; the ticket is what ends the wait, and not the time.
    let waiting = tokio::spawn({
        let target = pair.target.clone();
        async move {
            loop {
                // Whoever looks below whether it waits may take its place for a second.
                match target.call("GET", "/api/tickets/inbox?wait=30", None).await {
                    Ok((429, _)) => tokio::task::yield_now().await,
                    other => return other,
                }
            }
        }
    });
    let since = Instant::now();
    until("as many listen as may", async || {
        Ok((pair.target.call("GET", "/api/tickets/inbox?wait=1", None).await?.0 == 429).then_some(()))
    })
    .await?;
    let told = pair.target.raw("GET", STREAM, "", "").await?;
    assert_eq!(told, (429, json!({ "error": "Stream limit reached" })));
    let id = pair.ticket().await?;
    let (status, inbox) = waiting.await??;
    assert_eq!((status, &inbox["tickets"][0]["id"]), (200, &json!(id)));
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    // With something there, nobody waits.
    let (_, inbox) = pair.target.call("GET", "/api/tickets/inbox?wait=30", None).await?;
    assert_eq!(inbox["tickets"][0]["id"], id);
    assert_eq!(
        pair.source.call("GET", "/api/tickets/inbox?wait=1", None).await?,
        (200, json!({ "tickets": [] }))
    );
    for bad in ["31", "-1", "x", "1.5", ""] {
        let told = pair.target.call("GET", &format!("/api/tickets/inbox?wait={bad}"), None).await?;
        assert_eq!(told.1["details"]["issues"][0]["path"], json!(["wait"]), "{bad:?}");
    }
    // A place is free again once somebody goes.
    drop(first);
    until("there is room", async || Ok(pair.target.follow(STREAM).await.ok())).await?;
    // Operators have no inbox.
    for path in [STREAM, "/api/tickets/inbox?wait=1", "/api/tickets/sessions/own"] {
        assert_eq!(
            pair.operator.call("GET", path, None).await?,
            (400, json!({ "error": "Agent label required" }))
        );
        assert_eq!(pair.host.anybody(None)?.call("GET", path, None).await?.0, 403);
    }
    Ok(())
}

#[tokio::test]
async fn the_parties_of_a_session_and_nobody_else_can_ask_for_it() -> Result<()> {
    let folder = TlsHost::folder("[tickets]\nsession_idle = \"1s\"\n")?;
    let pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let other = pair.host.enrol("other", &[SHELL]).await?;
    let id = pair.admitted().await?;
    let path = format!("/api/tickets/sessions/{id}");
    let (status, told) = pair.source.call("GET", &path, None).await?;
    assert_eq!(
        (status, &told["session"]["peer"], &told["session"]["role"]),
        (200, &json!("target"), &json!("source"))
    );
    // How the peer is known: by the certificates that it can show.
    assert_eq!(told["peerCertificates"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(text(&told["peerCertificates"][0]).len(), 64);
    let missing = (404, json!({ "error": "Session not found" }));
    assert_eq!(other.call("GET", &path, None).await?, missing);
    assert_eq!(
        pair.source.call("GET", &format!("/api/tickets/sessions/{}", "0".repeat(32)), None).await?,
        missing
    );
    assert_eq!(pair.source.call("GET", "/api/tickets/sessions/a%20b", None).await?.0, 400);

    let another = pair.admitted().await?;
    let mut both = [id.clone(), another];
    both.sort();
    let own = |query: &str| format!("/api/tickets/sessions/own{query}");
    let ids = |told: &Value| {
        let sessions = told["sessions"].as_array().unwrap().iter();
        sessions.map(|one| text(&one["sessionId"]).to_owned()).collect::<Vec<_>>()
    };
    let (_, told) = pair.source.call("GET", &own("?role=source"), None).await?;
    assert_eq!(ids(&told), both);
    assert_eq!(ids(&pair.source.call("GET", &own("?role=target"), None).await?.1), [""; 0]);
    let (_, first) = pair.target.call("GET", &own("?limit=1"), None).await?;
    assert_eq!((ids(&first), &first["next"]), (vec![both[0].clone()], &json!(both[0])));
    let (_, rest) = pair.target.call("GET", &own(&format!("?after={}", both[0])), None).await?;
    assert_eq!((ids(&rest), &rest["next"]), (vec![both[1].clone()], &Value::Null));
    assert_eq!(ids(&other.call("GET", &own(""), None).await?.1), [""; 0]);
    for bad in ["?role=owner", "?after=x", "?limit=0"] {
        assert_eq!(pair.source.call("GET", &own(bad), None).await?.0, 400, "{bad}");
    }
    // Silence ends a session before anybody writes that down.
    let told = until("it is over", async || {
        let (_, told) = pair.source.call("GET", &path, None).await?;
        Ok((told["alive"] == false).then_some(told))
    })
    .await?;
    assert_eq!((&told["reason"], &told["session"]["status"]), (&json!("idle"), &json!("dead")));
    Ok(())
}

#[tokio::test]
async fn a_host_that_stops_says_so_and_waits_for_nobody() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let mut pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let mut events = pair.target.follow(STREAM).await?;
    snapshot(&mut events).await?;
    let waiting = tokio::spawn({
        let source = pair.source.clone();
        async move { source.call("GET", "/api/tickets/inbox?wait=30", None).await }
    });
    let since = Instant::now();
    let pid = pair.host.process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).unwrap();
    kill_process(pid, Signal::TERM)?;
    assert_eq!(events.at_once("end").await?["reason"], "host_stopping");
    assert_eq!(events.next().await?, None);
    assert!(pair.host.process.wait().await?.success());
    // Not cut off after the grace of 20 s, nor waited for.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    // Answered as when nothing came, or not let in any more.
    let told = waiting.await?;
    assert!(
        told.is_err() || told.as_ref().is_ok_and(|told| *told == (200, json!({ "tickets": [] }))),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_another_host_of_the_database_does_is_told_here() -> Result<()> {
    let database = Database::make("push").await?;
    let result = on_two_hosts(&database.url()).await;
    database.remove().await?;
    result
}

async fn on_two_hosts(url: &str) -> Result<()> {
    let keys = tempfile::tempdir()?;
    let key = keys.path().join("ticket-key");
    std::fs::write(&key, "ab".repeat(32))?;
    let folder = || -> Result<_> {
        Ok(TlsHost::folder(&format!("[tickets]\nkey_file = {key:?}\n"))?.env("WAYSTATION_DATABASE_URL", url))
    };
    let (here, there) = (folder()?, folder()?);
    let pair = Pair::new(TlsHost::start(&here).await?).await?;
    there.owned_with(&here)?;
    let other = TlsHost::start(&there).await?;
    // Each host has an authority of its own here: this agent is one of the other host.
    let away = other.enrol("away", &[SHELL]).await?;
    pair.assign("away").await?;
    let mut events = away.follow(STREAM).await?;
    snapshot(&mut events).await?;
    let wanted = json!({ "scope": SHELL, "instanceId": pair.instance, "target": "away" });
    let since = Instant::now();
    let (status, told) = pair.source.call("POST", "/api/tickets", Some(&wanted)).await?;
    assert_eq!(status, 201, "{told}");
    let (name, inbox) = events.next().await?.unwrap();
    assert_eq!((name.as_str(), &inbox["tickets"][0]["id"]), ("inbox", &told["ticket"]["id"]));
    let ticket = json!({ "ticketId": told["ticket"]["id"] });
    assert_eq!(away.call("POST", "/api/tickets/validate", Some(&ticket)).await?.0, 200);
    let (_, opened) = away.call("POST", "/api/tickets/sessions", Some(&ticket)).await?;
    let path = format!("/api/tickets/sessions/{}", text(&opened["session"]["sessionId"]));
    assert_eq!(pair.operator.call("DELETE", &path, None).await?.0, 200);
    let ended = loop {
        let (name, told) = events.next().await?.unwrap();
        if name == "session" && told["status"] == "dead" {
            break told;
        }
    };
    assert_eq!(ended["reason"], "admin_killed");
    // Looked for, and not come by when all is looked at again.
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert_eq!(pair.operator.call("DELETE", "/api/v1/agents/away", None).await?.0, 200);
    let end = loop {
        let (name, told) = events.next().await?.unwrap();
        if name == "end" {
            break told;
        }
    };
    assert!(["agent_revoked", "certificate_revoked"].contains(&text(&end["reason"])), "{end}");
    Ok(())
}
