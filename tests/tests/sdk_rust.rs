//! The Rust SDK against the running host: admission, and each way in which it ends or goes on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use waystation_tests::agents::{Identity, Party, TlsHost};
use waystation_tests::lossy::Lossy;
use waystation_tests::pair::{SHELL, scope};
use waystation_tests::{Folder, until};
use waystation_tickets::{
    ApprovalState, Asked, Beat, Changes, Client, Direct, DirectHost, Error, Event, Follower, InstanceManager,
    InstanceOptions, InstanceState, Network, Role, SessionManager, SessionOptions, SessionState, Status,
    Transport, Update,
};

/// A host that comes back at the same place, with a scope and two agents.
struct Site {
    folder: Folder,
    host: TlsHost,
    operator: Party,
    source: Identity,
    target: Identity,
}

impl Site {
    async fn new() -> Result<Self> {
        Self::with("").await
    }

    async fn with(sections: &str) -> Result<Self> {
        // Free a moment ago; the host takes it again after each start.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let folder = TlsHost::folder(sections)?.env("WAYSTATION_SERVER__LISTEN", &address);
        let host = TlsHost::start(&folder).await?;
        let operator = host.operator()?;
        assert_eq!(operator.call("POST", "/api/tickets/scopes", Some(&scope())).await?.0, 201);
        let (source, target) =
            (host.identity("source", &[SHELL]).await?, host.identity("target", &[SHELL]).await?);
        Ok(Self { folder, host, operator, source, target })
    }

    fn client(&self, of: &Identity) -> Result<Client> {
        Self::client_at(of, &self.host.address)
    }

    fn client_at(of: &Identity, address: &str) -> Result<Client> {
        let port = address.rsplit(':').next().context("no port")?;
        let builder = Client::builder(format!("https://localhost:{port}"));
        Ok(builder
            .identity(of.certificate.as_str(), of.key.as_str())
            .authorities(of.authorities.as_str())
            .build()?)
    }

    fn offer(&self) -> Result<InstanceManager> {
        let mut options = InstanceOptions::new(SHELL, Transport::relay());
        options.heartbeat = Duration::from_millis(300);
        Ok(InstanceManager::start(self.client(&self.source)?, options))
    }

    fn seek(&self) -> Result<SessionManager> {
        let options =
            SessionOptions { heartbeat: Duration::from_millis(300), ..SessionOptions::new("shell") };
        Ok(SessionManager::start(self.client(&self.target)?, options))
    }

    async fn assign(&self, instance: &str) -> Result<()> {
        let wanted = json!({ "agentLabel": "target", "instanceScope": format!("{SHELL}:{instance}") });
        let told = self.operator.call("POST", "/api/tickets/assignments", Some(&wanted)).await?;
        assert!([200, 201].contains(&told.0), "{told:?}");
        Ok(())
    }

    /// Source and target, and the session between them.
    async fn admitted(&self) -> Result<(InstanceManager, SessionManager, Changes, String)> {
        let source = self.offer()?;
        self.assign(&source.ready().await?).await?;
        let target = self.seek()?;
        let mut changes = target.changes();
        source.request_ticket("target", false).await?;
        let state = reached(&mut changes, |state| matches!(state, SessionState::Authorized(_))).await?;
        let session = state.session().context("no session")?.session_id.clone();
        Ok((source, target, changes, session))
    }

    async fn end(&self, session: &str) -> Result<()> {
        let told = self.operator.call("DELETE", &format!("/api/tickets/sessions/{session}"), None).await?;
        assert_eq!(told.0, 200, "{told:?}");
        Ok(())
    }
}

/// The next state that is like that.
async fn reached(changes: &mut Changes, like: impl Fn(&SessionState) -> bool) -> Result<SessionState> {
    let look = async {
        loop {
            match changes.next().await {
                Some(state) if like(&state) => return Ok(state),
                Some(_) => {}
                None => bail!("it ended"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.context("in vain")?
}

/// How it ended, within a second.
async fn ended(changes: &mut Changes) -> Result<(String, Option<String>)> {
    let over = reached(changes, |state| matches!(state, SessionState::Terminated { .. }));
    match tokio::time::timeout(Duration::from_secs(1), over).await.context("not within a second")?? {
        SessionState::Terminated { session, reason } => Ok((session.session_id, reason)),
        other => bail!("{other:?}"),
    }
}

#[tokio::test]
async fn the_rust_sdk_waits_until_people_decided() -> Result<()> {
    let site = Site::new().await?;
    let (ann, _) = site.host.person("ann", &["operator"]).await?;
    let mut scope = scope();
    scope["approval"] = json!({ "people": 1 });
    assert_eq!(site.operator.call("PUT", "/api/tickets/scopes/shell", Some(&scope)).await?.0, 200);
    let source = site.offer()?;
    site.assign(&source.ready().await?).await?;
    let (target, client) = (site.seek()?, site.client(&site.source)?);
    let mut changes = target.changes();
    let mut follower = Follower::start(client.clone());
    while !matches!(follower.next().await, Update::Event(Event::Ready)) {}
    let decide = async |id: &str, word: &str| {
        let body = json!({ "reason": "not today" });
        let path = format!("/api/v1/approvals/{id}/{word}");
        let told = ann.call("POST", &path, Some(&body).filter(|_| word == "reject")).await?;
        assert_eq!(told.0, 200, "{told:?}");
        anyhow::Ok(())
    };
    let told = source.request_ticket("target", false).await.unwrap_err();
    assert_eq!((told.code(), told.is_transient()), ("approval-waiting", false));
    let Error::Waiting(waiting) = told else { bail!("{told:?}") };
    assert_eq!((waiting.state, waiting.people, waiting.approved), (ApprovalState::Waiting, 1, 0));
    let told = tokio::time::timeout(Duration::from_secs(1), follower.next()).await?;
    assert!(matches!(&told, Update::Event(Event::Approval(one)) if *one == *waiting), "{told:?}");
    // Whoever asks by hand learns the same, and it is no error.
    let asked = client.ask_for_ticket(SHELL, &waiting.instance_id, "target").await?;
    assert!(matches!(&asked, Asked::Waiting(one) if one.id == waiting.id), "{asked:?}");
    // For as long as one likes to wait, and not longer.
    let told = source.request_ticket_when_approved("target", Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(told.code(), "approval-waiting");
    let source = std::sync::Arc::new(source);
    let wait = || {
        let source = std::sync::Arc::clone(&source);
        tokio::spawn(
            async move { source.request_ticket_when_approved("target", Duration::from_secs(60)).await },
        )
    };
    let waits = wait();
    decide(&waiting.id, "approve").await?;
    let ticket = tokio::time::timeout(Duration::from_secs(10), waits).await???;
    assert_eq!(ticket.target, "target");
    reached(&mut changes, |state| matches!(state, SessionState::Authorized(_))).await?;
    assert_eq!(client.approval(&waiting.id).await?.state, ApprovalState::Used);

    // Rejected: told why, and nobody is asked again at once.
    let Asked::Waiting(next) = client.ask_for_ticket(SHELL, &waiting.instance_id, "target").await? else {
        bail!("it was good for one ticket")
    };
    decide(&next.id, "reject").await?;
    let told = source.request_ticket("target", true).await.unwrap_err();
    let Error::NotApproved { rejected, reason, retry_after } = &told else { bail!("{told:?}") };
    assert_eq!((told.code(), *rejected, reason.as_str()), ("approval-rejected", true, "not today"));
    assert!(retry_after.is_some_and(|wait| wait > Duration::from_secs(200)), "{told:?}");
    assert_eq!(source.request_ticket("target", false).await.unwrap_err().code(), "cooling-down");
    assert_eq!(client.approval("nonsense").await.unwrap_err().code(), "not-found");
    Ok(())
}

#[tokio::test]
async fn the_rust_sdk_admits_and_hears_of_the_end_within_a_second() -> Result<()> {
    let site = Site::new().await?;
    let (source, target, mut changes, session) = site.admitted().await?;
    // The source can ask whether the peer is whom it says.
    let client = site.client(&site.source)?;
    let standing = client.session(&session).await?;
    assert!(standing.alive && standing.peer_certificates.len() == 1 && standing.session.target == "target");
    assert_eq!(client.own_sessions(Some(Role::Source)).await?.len(), 1);
    assert_eq!(client.session(&"0".repeat(32)).await.unwrap_err().code(), "not-found");
    // Heartbeats arrive.
    let first = standing.session.last_activity_at;
    until("a heartbeat", async || {
        Ok((client.session(&session).await?.session.last_activity_at > first).then_some(()))
    })
    .await?;
    // Nobody is asked for twice in a moment.
    assert_eq!(source.request_ticket("target", false).await.unwrap_err().code(), "cooling-down");
    let mut follower = Follower::start(client.clone());
    while !matches!(follower.next().await, Update::Event(Event::Ready)) {}
    site.end(&session).await?;
    assert_eq!(ended(&mut changes).await?, (session.clone(), Some("admin_killed".into())));
    let told = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            if let Update::Event(Event::Session(told)) = follower.next().await {
                return told;
            }
        }
    });
    let told = told.await?;
    assert_eq!((told.session_id, told.reason.as_deref()), (session, Some("admin_killed")));
    // The next ticket opens the next session.
    source.request_ticket("target", true).await?;
    reached(&mut changes, |state| matches!(state, SessionState::Authorized(_))).await?;
    // What is revoked ends at once, and says so.
    let told = site.operator.call("DELETE", "/api/v1/agents/target", None).await?;
    assert_eq!(told.0, 200, "{told:?}");
    let (_, reason) = ended(&mut changes).await?;
    let reason = reason.unwrap_or_default();
    assert!(
        ["target_revoked", "certificate_revoked", "agent_revoked"].contains(&reason.as_str()),
        "{reason}"
    );
    assert_eq!(site.client(&site.target)?.inbox().await.unwrap_err().code(), "network");
    assert_eq!(source.request_ticket("target", true).await.unwrap_err().code(), "not-found");
    target.stop().await;
    Ok(())
}

#[tokio::test]
async fn the_rust_sdk_goes_on_after_the_host_or_itself_was_started_again() -> Result<()> {
    let mut site = Site::new().await?;
    let (source, target, mut changes, session) = site.admitted().await?;
    let instance = source.ready().await?;
    site.host.process.kill().await?;
    reached(&mut changes, |state| matches!(state, SessionState::Grace(_))).await?;
    site.host = TlsHost::start(&site.folder).await?;
    let again = reached(&mut changes, |state| matches!(state, SessionState::Authorized(_))).await?;
    assert_eq!(again.session().unwrap().session_id, session);
    // The host hears of it, too, and news comes again.
    let client = site.client(&site.source)?;
    until("the host knows that it is active", async || {
        Ok((client.session(&session).await?.session.status == Status::Active).then_some(()))
    })
    .await?;
    assert_eq!(source.state(), InstanceState::Ready { instance: instance.clone() });

    // The target stops and starts: its session goes on, without another ticket, also where the host is not there at first.
    target.stop().await;
    assert_eq!(client.session(&session).await?.session.status, Status::Grace);
    site.host.process.kill().await?;
    let target = site.seek()?;
    let mut changes = target.changes();
    let mut gone = Follower::start(site.client(&site.target)?);
    while !matches!(gone.next().await, Update::Down(_)) {}
    drop(gone);
    site.host = TlsHost::start(&site.folder).await?;
    let resumed = reached(&mut changes, |state| matches!(state, SessionState::Authorized(_))).await?;
    assert_eq!(resumed.session().unwrap().session_id, session);
    until("the host knows", async || {
        Ok((client.session(&session).await?.session.status == Status::Active).then_some(()))
    })
    .await?;
    // The source leaves: everything stays, and its next start is the same instance.
    source.leave().await;
    let source = site.offer()?;
    assert_eq!(source.ready().await?, instance);
    assert!(client.session(&session).await?.alive);
    // Where the host lost it, it is registered again.
    let gone = site.operator.call("DELETE", &format!("/api/tickets/instances/{instance}"), None).await?;
    assert_eq!(gone.0, 200);
    assert_eq!(ended(&mut changes).await?, (session, Some("instance_gone".into())));
    let mut state = source.watch();
    let other = |state: &InstanceState| matches!(state, InstanceState::Ready { instance: other } if *other != instance);
    tokio::time::timeout(Duration::from_secs(60), state.wait_for(other)).await??;
    source.deregister().await?;
    let (_, told) = site.operator.call("GET", "/api/tickets/instances", None).await?;
    assert_eq!(told["instances"], json!([]));
    target.stop().await;
    Ok(())
}

#[tokio::test]
async fn the_rust_sdk_trusts_no_other_host_and_tries_until_it_works() -> Result<()> {
    let site = Site::new().await?;
    let other = TlsHost::folder("")?;
    let other = TlsHost::start(&other).await?;
    let strange = other.identity("source", &[SHELL]).await?;
    // The certificate is of this host, the authority of another: pinned is pinned.
    let wrong = Identity { authorities: strange.authorities.clone(), ..site.source.clone() };
    assert_eq!(site.client(&wrong)?.inbox().await.unwrap_err().code(), "network");
    // And the other way round, the host knows nobody of that authority.
    let wrong = Identity { authorities: site.source.authorities.clone(), ..strange };
    assert_eq!(site.client(&wrong)?.inbox().await.unwrap_err().code(), "network");

    // An agent that may not yet is registered once it may.
    let weak = site.host.identity("weak", &[]).await?;
    let instance =
        InstanceManager::start(site.client(&weak)?, InstanceOptions::new(SHELL, Transport::relay()));
    let mut state = instance.watch();
    let refused = state
        .wait_for(|state| matches!(state, InstanceState::Registering { problem: Some(_) }))
        .await?
        .clone();
    assert!(
        matches!(refused, InstanceState::Registering { problem: Some((code, _)) } if code == "forbidden")
    );
    assert_eq!(instance.request_ticket("target", false).await.unwrap_err().code(), "not-ready");
    let all = json!({ "capabilities": [SHELL] });
    assert_eq!(site.operator.call("PATCH", "/api/v1/agents/weak", Some(&all)).await?.0, 200);
    instance.ready().await?;

    // Whoever asks too often is told when to ask again, and holds to it.
    let client = site.client(&weak)?;
    let mine = instance.ready().await?;
    let refused = until("the limit", async || {
        let told = client.request_ticket(SHELL, &mine, "target").await.unwrap_err();
        Ok(Some(told).filter(|e| e.code() == "too-often"))
    })
    .await?;
    assert!(matches!(refused, Error::Refused { retry_after: Some(wait), .. } if !wait.is_zero()));
    assert_eq!(instance.request_ticket("target", true).await.unwrap_err().code(), "too-often");
    assert_eq!(instance.request_ticket("target", true).await.unwrap_err().code(), "cooling-down");

    // A direct host is gone to where it was opened, and nowhere else.
    let peer = TcpListener::bind("127.0.0.1:0")?;
    let to = DirectHost { host: "localhost".into(), port: peer.local_addr()?.port() };
    assert_eq!(Direct::public().connect(&to).await.unwrap_err().code(), "direct-closed");
    let loopback: [Network; 2] = ["127.0.0.0/8".parse()?, "::1/128".parse()?];
    let open = loopback.into_iter().fold(Direct::public(), Direct::open);
    assert_eq!(open.connect(&to).await?.peer_addr()?.port(), to.port);
    Ok(())
}

#[tokio::test]
async fn the_rust_sdk_asks_where_it_is_not_told() -> Result<()> {
    let site = Site::with("[tickets]\nmax_streams = 1\n").await?;
    // The one stream that there may be is taken.
    let mut taken = site.client(&site.target)?.events().await?;
    while taken.next().await? != Some(Event::Ready) {}
    assert_eq!(site.client(&site.target)?.events().await.unwrap_err().code(), "too-often");
    let (_source, _target, mut changes, session) = site.admitted().await?;
    // Now by the heartbeat only.
    site.end(&session).await?;
    let over = reached(&mut changes, |state| matches!(state, SessionState::Terminated { .. })).await?;
    assert!(
        matches!(over, SessionState::Terminated { reason: Some(reason), .. } if reason == "admin_killed")
    );
    Ok(())
}

#[tokio::test]
async fn the_rust_sdk_loses_no_ticket_with_an_answer() -> Result<()> {
    let site = Site::new().await?;
    let source = site.offer()?;
    let instance = source.ready().await?;
    site.assign(&instance).await?;
    let lossy = Lossy::to(site.host.address.clone()).await?;
    let (client, asking) =
        (Site::client_at(&site.target, &lossy.address.to_string())?, site.client(&site.source)?);
    // The answer to the redemption, and that to the opening.
    for lost in 0..2 {
        asking.request_ticket(SHELL, &instance, "target").await?;
        let inbox = client.inbox().await?;
        lossy.lose_after(lost);
        let session = client.admit(inbox.last().context("no ticket")?).await?;
        assert!(lossy.lost(), "{lost}");
        assert_eq!(client.session_heartbeat(&session.session_id).await?, Beat::Authorized);
    }
    assert_eq!(client.own_sessions(Some(Role::Target)).await?.len(), 2, "one for each ticket");
    assert_eq!(client.inbox().await?, []);
    Ok(())
}
