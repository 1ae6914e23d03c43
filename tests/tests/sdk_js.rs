//! The SDK in TypeScript, packed as its users get it, against the running host: a Node program is each agent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use waystation_tests::agents::{Identity, Party, TlsHost};
use waystation_tests::lossy::Lossy;
use waystation_tests::pair::{SHELL, scope, text};
use waystation_tests::{Folder, built, until};

/// A Node program.
struct Agent {
    process: Child,
    commands: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    /// All that was told.
    seen: Vec<Value>,
}

impl Agent {
    fn start(url: &str, of: &Identity, role: &str, scope: &str) -> Result<(Self, tempfile::TempDir)> {
        let folder = tempfile::tempdir()?;
        for (name, pem) in
            [("agent.pem", &of.certificate), ("agent.key", &of.key), ("authorities.pem", &of.authorities)]
        {
            std::fs::write(folder.path().join(name), pem)?;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk/agent.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(url).arg(folder.path()).args([role, scope]).kill_on_drop(true);
        command.env("WAYSTATION_SDK_JS", built::sdk_js()?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("node is needed")?;
        let commands = process.stdin.take().context("no stdin")?;
        let told = BufReader::new(process.stdout.take().context("no stdout")?).lines();
        Ok((Self { process, commands, told, seen: Vec::new() }, folder))
    }

    /// The next thing told that is like that, within so long.
    async fn told(&mut self, within: Duration, like: impl Fn(&Value) -> bool) -> Result<Value> {
        let look = async {
            loop {
                let line = self.told.next_line().await?.context("the agent ended")?;
                let told: Value = serde_json::from_str(&line)?;
                self.seen.push(told.clone());
                if like(&told) {
                    return Ok(told);
                }
            }
        };
        tokio::time::timeout(within, look).await.context("in vain")?
    }

    /// Whether something like that was told already, or is.
    async fn knows(&mut self, like: impl Fn(&Value) -> bool) -> Result<()> {
        match self.seen.iter().any(&like) {
            true => Ok(()),
            false => self.told(Duration::from_secs(60), like).await.map(drop),
        }
    }

    async fn state(&mut self, status: &str) -> Result<Value> {
        let told = self.told(Duration::from_secs(60), |told| told["state"]["status"] == status).await?;
        Ok(told["state"].clone())
    }

    /// Has it do something; what came of it, `done` or `failed`.
    async fn does(&mut self, command: Value) -> Result<Value> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await?;
        self.told(Duration::from_secs(60), |told| told.get("done").is_some() || told.get("failed").is_some())
            .await
    }

    /// How its session ended, within a second.
    async fn ended(&mut self) -> Result<String> {
        let over = |told: &Value| told["state"]["status"] == "terminated";
        let told = self.told(Duration::from_secs(1), over).await.context("not within a second")?;
        Ok(text(&told["state"]["reason"]).to_owned())
    }

    /// Ends in order: nothing may keep the program running.
    async fn exits(mut self) -> Result<()> {
        drop(self.commands);
        let ended = tokio::time::timeout(Duration::from_secs(30), self.process.wait()).await;
        match ended.context("it does not end")?? {
            status if status.success() => Ok(()),
            status => bail!("{status}"),
        }
    }
}

struct Site {
    folder: Folder,
    host: TlsHost,
    operator: Party,
    url: String,
    source: Identity,
    target: Identity,
}

impl Site {
    async fn new() -> Result<Self> {
        Self::with("").await
    }

    async fn with(sections: &str) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = TlsHost::folder(sections)?.env("WAYSTATION_SERVER__LISTEN", &address.to_string());
        let host = TlsHost::start(&folder).await?;
        let operator = host.operator()?;
        assert_eq!(operator.call("POST", "/api/tickets/scopes", Some(&scope())).await?.0, 201);
        let (source, target) =
            (host.identity("source", &[SHELL]).await?, host.identity("target", &[SHELL]).await?);
        let url = format!("https://localhost:{}", address.port());
        Ok(Self { folder, host, operator, url, source, target })
    }

    async fn assign(&self, instance: &str) -> Result<()> {
        let wanted = json!({ "agentLabel": "target", "instanceScope": format!("{SHELL}:{instance}") });
        let told = self.operator.call("POST", "/api/tickets/assignments", Some(&wanted)).await?;
        assert!([200, 201].contains(&told.0), "{told:?}");
        Ok(())
    }
}

#[tokio::test]
async fn the_typescript_sdk_waits_until_people_decided() -> Result<()> {
    let site = Site::new().await?;
    let (ann, _) = site.host.person("ann", &["operator"]).await?;
    let mut scope = scope();
    scope["approval"] = json!({ "people": 1 });
    assert_eq!(site.operator.call("PUT", "/api/tickets/scopes/shell", Some(&scope)).await?.0, 200);
    let (mut source, _one) = Agent::start(&site.url, &site.source, "source", SHELL)?;
    let instance = text(&source.state("ready").await?["instanceId"]).to_owned();
    site.assign(&instance).await?;
    let (mut target, _two) = Agent::start(&site.url, &site.target, "target", SHELL)?;
    let decide = async |id: &str, word: &str| {
        let body = json!({ "reason": "not today" });
        let path = format!("/api/v1/approvals/{id}/{word}");
        let told = ann.call("POST", &path, Some(&body).filter(|_| word == "reject")).await?;
        assert_eq!(told.0, 200, "{told:?}");
        anyhow::Ok(())
    };
    let told = source.does(json!(["request", "target"])).await?;
    assert_eq!(
        (&told["failed"], &told["approval"]["state"]),
        (&json!("approval-waiting"), &json!("waiting"))
    );
    let id = text(&told["approval"]["id"]).to_owned();
    source.knows(|told| told.get("failed").is_none() && told["approval"]["id"] == id).await?;
    let told = source.does(json!(["plain", "target"])).await?;
    assert_eq!(told["done"]["waiting"]["id"], id);
    let told = source.does(json!(["approved", "target", 50])).await?;
    assert_eq!(told["failed"], "approval-waiting", "for as long as one likes to wait");
    let (told, decided) =
        tokio::join!(source.does(json!(["approved", "target", 60_000])), decide(&id, "approve"));
    decided?;
    assert_eq!(told?["done"]["target"], "target");
    target.state("authorized").await?;
    assert_eq!(source.does(json!(["approval", id])).await?["done"]["state"], "used");

    // Rejected: told why, and nobody is asked again at once.
    let told = source.does(json!(["plain", "target"])).await?;
    decide(text(&told["done"]["waiting"]["id"]), "reject").await?;
    let told = source.does(json!(["request", "target", true])).await?;
    assert_eq!(
        (&told["failed"], told["retryAfter"].as_u64() > Some(200_000)),
        (&json!("approval-rejected"), true)
    );
    assert!(text(&told["message"]).contains("not today"), "{told}");
    assert_eq!(source.does(json!(["request", "target"])).await?["failed"], "cooling-down");
    assert_eq!(source.does(json!(["leave"])).await?, json!({ "done": null }));
    assert_eq!(target.does(json!(["stop"])).await?, json!({ "done": null }));
    source.exits().await?;
    target.exits().await
}

#[tokio::test]
async fn the_js_sdk_admits_goes_on_and_hears_of_the_end_within_a_second() -> Result<()> {
    let mut site = Site::new().await?;
    let (mut source, _one) = Agent::start(&site.url, &site.source, "source", SHELL)?;
    let instance = text(&source.state("ready").await?["instanceId"]).to_owned();
    site.assign(&instance).await?;
    let (mut target, _two) = Agent::start(&site.url, &site.target, "target", "shell")?;
    let asked = source.does(json!(["request", "target"])).await?;
    assert_eq!(asked["done"]["target"], "target", "{asked}");
    assert_eq!(source.does(json!(["request", "target"])).await?["failed"], "cooling-down");
    let admitted = target.state("authorized").await?;
    let session = text(&admitted["session"]["sessionId"]).to_owned();
    let standing = source.does(json!(["ask", session])).await?["done"].clone();
    assert_eq!((&standing["alive"], &standing["session"]["target"]), (&json!(true), &json!("target")));
    assert_eq!(source.does(json!(["own", "source"])).await?["done"][0]["sessionId"], session);
    assert_eq!(source.does(json!(["ask", "0".repeat(32)])).await?["failed"], "not-found");

    // The host goes and comes back: the session is there, and the host knows that it is active.
    site.host.process.kill().await?;
    target.state("grace").await?;
    site.host = TlsHost::start(&site.folder).await?;
    assert_eq!(target.state("authorized").await?["session"]["sessionId"], session);
    until("the host knows", async || {
        let told = source.does(json!(["ask", session])).await?;
        Ok((told["done"]["session"]["status"] == "active").then_some(()))
    })
    .await?;

    // The target goes and comes back, the source as well.
    assert_eq!(target.does(json!(["stop"])).await?, json!({ "done": null }));
    target.exits().await?;
    let standing = source.does(json!(["ask", session])).await?;
    assert_eq!(standing["done"]["session"]["status"], "grace");
    // Also where the host is not there at first.
    site.host.process.kill().await?;
    let (mut target, _three) = Agent::start(&site.url, &site.target, "target", SHELL)?;
    assert_eq!(target.does(json!(["inbox"])).await?["failed"], "network");
    site.host = TlsHost::start(&site.folder).await?;
    assert_eq!(target.state("authorized").await?["session"]["sessionId"], session);
    assert_eq!(source.does(json!(["leave"])).await?, json!({ "done": null }));
    source.exits().await?;
    let (mut source, _four) = Agent::start(&site.url, &site.source, "source", SHELL)?;
    assert_eq!(source.state("ready").await?["instanceId"], instance, "the same, with its assignments");

    // An operator ends it: both hear why at once, and the next ticket opens the next session.
    let path = format!("/api/tickets/sessions/{session}");
    source.knows(|told| told["session"]["sessionId"] == session).await?;
    assert_eq!(site.operator.call("DELETE", &path, None).await?.0, 200);
    assert_eq!(target.ended().await?, "admin_killed");
    let told = source.told(Duration::from_secs(1), |told| told["session"]["status"] == "dead").await?;
    assert_eq!(told["session"]["reason"], "admin_killed");
    assert!(source.does(json!(["request", "target"])).await?["done"].is_object());
    target.state("authorized").await?;

    // A revoked agent hears that, and is nobody.
    assert_eq!(site.operator.call("DELETE", "/api/v1/agents/target", None).await?.0, 200);
    let reason = target.ended().await?;
    let known = ["target_revoked", "certificate_revoked", "agent_revoked"];
    assert!(known.contains(&reason.as_str()), "{reason}");
    // Told so on the connection that it has, and let on no new one.
    let told = target.does(json!(["inbox"])).await?;
    assert!(["forbidden", "network"].contains(&text(&told["failed"])), "{told}");
    assert_eq!(source.does(json!(["request", "target", true])).await?["failed"], "not-found");
    assert_eq!(source.does(json!(["deregister"])).await?, json!({ "done": null }));
    let (_, told) = site.operator.call("GET", "/api/tickets/instances", None).await?;
    assert_eq!(told["instances"], json!([]));
    source.exits().await
}

#[tokio::test]
async fn the_js_sdk_trusts_no_other_host_and_tries_until_it_works() -> Result<()> {
    let site = Site::new().await?;
    let other = TlsHost::folder("")?;
    let other = TlsHost::start(&other).await?;
    let strange = other.identity("source", &[SHELL]).await?;
    let wrong = Identity { authorities: strange.authorities, ..site.source.clone() };
    let (mut stray, _one) = Agent::start(&site.url, &wrong, "target", SHELL)?;
    assert_eq!(stray.does(json!(["inbox"])).await?["failed"], "network");

    let weak = site.host.identity("weak", &[]).await?;
    let (mut agent, _two) = Agent::start(&site.url, &weak, "source", SHELL)?;
    assert_eq!(agent.state("registering").await?["problem"], "forbidden");
    assert_eq!(agent.does(json!(["request", "target"])).await?["failed"], "not-ready");
    let all = json!({ "capabilities": [SHELL] });
    assert_eq!(site.operator.call("PATCH", "/api/v1/agents/weak", Some(&all)).await?.0, 200);
    agent.state("ready").await?;
    until("the limit", async || {
        let told = agent.does(json!(["raw", "target"])).await?;
        Ok((told["failed"] == "too-often").then_some(()))
    })
    .await?;
    let told = agent.does(json!(["request", "target", true])).await?;
    assert!(told["failed"] == "too-often" && told["retryAfter"].as_f64() > Some(0.0), "{told}");
    assert_eq!(agent.does(json!(["request", "target", true])).await?["failed"], "cooling-down");

    // A direct host is gone to where it was opened, and nowhere else.
    let peer = TcpListener::bind("127.0.0.1:0")?;
    let port = peer.local_addr()?.port();
    let to = json!({ "host": "localhost", "port": port });
    assert_eq!(agent.does(json!(["direct", to, []])).await?["failed"], "direct-closed");
    let open = json!(["127.0.0.0/8", "::1/128"]);
    assert_eq!(agent.does(json!(["direct", to, open])).await?["done"], port);
    Ok(())
}

#[tokio::test]
async fn the_js_sdk_asks_where_it_is_not_told_and_loses_no_ticket_with_an_answer() -> Result<()> {
    let site = Site::with("[tickets]\nmax_streams = 1\n").await?;
    let (mut source, _one) = Agent::start(&site.url, &site.source, "source", SHELL)?;
    let instance = text(&source.state("ready").await?["instanceId"]).to_owned();
    site.assign(&instance).await?;
    // This one has the one stream that there may be.
    let (mut first, _two) = Agent::start(&site.url, &site.target, "client", SHELL)?;
    assert_eq!(first.does(json!(["hold"])).await?["done"]["type"], "inbox");
    let (mut second, _three) = Agent::start(&site.url, &site.target, "target", SHELL)?;
    source.does(json!(["request", "target"])).await?;
    let session = text(&second.state("authorized").await?["session"]["sessionId"]).to_owned();
    assert_eq!(site.operator.call("DELETE", &format!("/api/tickets/sessions/{session}"), None).await?.0, 200);
    assert_eq!(second.state("terminated").await?["reason"], "admin_killed");
    second.does(json!(["stop"])).await?;
    first.exits().await?;

    let lossy = Lossy::to(site.host.address.clone()).await?;
    let url = format!("https://localhost:{}", lossy.address.port());
    let (mut lost, _four) = Agent::start(&url, &site.target, "client", SHELL)?;
    for answers in 0..2 {
        source.does(json!(["raw", "target"])).await?;
        let inbox = lost.does(json!(["inbox"])).await?["done"].clone();
        lossy.lose_after(answers);
        let admitted = lost.does(json!(["admit", inbox.as_array().and_then(|all| all.last())])).await?;
        assert!(lossy.lost() && admitted["done"]["sessionId"].is_string(), "{answers}: {admitted}");
    }
    assert_eq!(lost.does(json!(["own", "target"])).await?["done"].as_array().map(Vec::len), Some(2));
    lost.exits().await
}
