//! Tickets that people approve, through the real host over TLS: who may, who may not, and what becomes of a request.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use waystation_tests::agents::{Events, Party, TlsHost, Told};
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::pair::{Pair, SHELL, scope, text};
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, webhook};
use waystation_tests::{Folder, Reply, StandIn, built, until};

const STREAM: &str = "/api/tickets/inbox/stream";

/// The owner, logged in.
async fn owner(host: &TlsHost) -> Result<Party> {
    let body = json!({ "name": OWNER, "password": PASSWORD });
    let (status, told) = host.anybody(None)?.call("POST", "/api/v1/auth/login", Some(&body)).await?;
    ensure!(status == 200, "{status} {told}");
    host.anybody(Some(&format!("Bearer {}", text(&told["access_token"]))))
}

fn asking(approval: Value) -> Value {
    let mut scope = scope();
    scope["approval"] = approval;
    scope
}

/// Two agents, of which one is admitted once people say so; and two people who may. All else was done by the owner.
struct Site {
    folder: Folder,
    pair: Pair,
    ann: Party,
    bea: Party,
    token: String,
}

impl Site {
    async fn new(approval: Value, sections: &str) -> Result<Self> {
        let sections = format!("[tickets]\nrequests = 1000\napproval_quiet = \"2s\"\n{sections}");
        Self::in_folder(TlsHost::folder(&sections)?, approval).await
    }

    async fn in_folder(folder: Folder, approval: Value) -> Result<Self> {
        let pair = Pair::new(TlsHost::start(&folder).await?).await?;
        let (ann, token) = pair.host.person("ann", &["operator"]).await?;
        let (bea, _) = pair.host.person("bea", &["operator"]).await?;
        let site = Self { folder, pair, ann, bea, token };
        site.scope(&asking(approval)).await?;
        Ok(site)
    }

    async fn scope(&self, scope: &Value) -> Result<()> {
        let (status, told) = self.pair.operator.call("PUT", "/api/tickets/scopes/shell", Some(scope)).await?;
        ensure!(status == 200, "{status} {told}");
        Ok(())
    }

    /// Asks, and has to wait; the request's id.
    async fn waits(&self) -> Result<String> {
        let (status, told) = self.pair.ask().await?;
        let details = &told["details"];
        ensure!((status, &details["code"]) == (202, &json!("approval-waiting")), "{status} {told}");
        ensure!(told["ticket"].is_null() && details["approval"]["state"] == "waiting", "{told}");
        Ok(text(&details["approval"]["id"]).to_owned())
    }

    async fn state(&self, id: &str) -> Result<String> {
        let (status, told) = self.ann.call("GET", &format!("/api/v1/approvals/{id}"), None).await?;
        ensure!(status == 200, "{status} {told}");
        Ok(text(&told["state"]).to_owned())
    }
}

async fn approve(who: &Party, id: &str) -> Result<Told> {
    who.call("POST", &format!("/api/v1/approvals/{id}/approve"), None).await
}

async fn reject(who: &Party, id: &str, body: &Value) -> Result<Told> {
    who.call("POST", &format!("/api/v1/approvals/{id}/reject"), Some(body)).await
}

/// Status and code.
fn code((status, told): Told) -> (u16, String) {
    (status, text(&told["code"]).to_owned())
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

/// All that is, up to `ready`: the requests.
async fn snapshot(events: &mut Events) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    while let Some((name, data)) = events.next().await? {
        match name.as_str() {
            "ready" => break,
            "approval" => found.push(data),
            _ => {}
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_ticket_is_made_once_two_people_said_yes() -> Result<()> {
    let receiver = StandIn::start().await?;
    receiver.on("/hook", Reply::status(200));
    let kinds = ["approval.waiting", "approval.decided"];
    let hook = webhook(&receiver.origin(), &receiver.url("/hook"), &kinds)?;
    let folder = TlsHost::folder(&hook)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
    let site = Site::in_folder(folder, json!({ "people": 2, "for": [SHELL] })).await?;
    let (pair, ann, bea) = (&site.pair, &site.ann, &site.bea);
    let (_, scopes) = ann.call("GET", "/api/tickets/scopes", None).await?;
    let shown = json!({ "people": 2, "within": 900, "for": [SHELL] });
    assert_eq!(scopes["scopes"][0]["approval"], shown);

    let mut stream = pair.source.follow(STREAM).await?;
    assert!(snapshot(&mut stream).await?.is_empty());
    let id = site.waits().await?;
    assert_eq!(site.waits().await?, id, "asked again, it is the same request");
    let heard = stream.at_once("approval").await?;
    assert_eq!((&heard["id"], &heard["state"], &heard["people"]), (&json!(id), &json!("waiting"), &json!(2)));
    let ask = json!({ "scope": SHELL, "instanceId": pair.instance, "target": "target" });
    let (status, head) = pair.source.connect().await?.answer_head("POST", "/api/tickets", &ask).await?;
    assert!(status == 202 && head.contains("retry-after: 10"), "{head}");

    // What is told to people, and to channels.
    let message = receiver.wait_for("/hook", 1).await?[0].json();
    assert_eq!((text(&message["event"]), text(&message["severity"])), ("approval.waiting", "warning"));
    assert_eq!(message["title"], "shell: source waits for approval to admit target");
    assert!(text(&message["body"]).contains(&format!("waystation approval approve {id}")), "{message}");
    let (status, listed) = ann.call("GET", "/api/v1/approvals?state=waiting&source=source", None).await?;
    let one = &listed["approvals"][0];
    assert_eq!((status, &one["id"], &one["approved_by"]), (200, &json!(id), &json!([])));
    let hands = json!([{ "user": OWNER, "because": ["assignment", "scope", "agent"] }]);
    assert_eq!(one["not_by"], hands);

    let (status, told) = approve(ann, &id).await?;
    assert_eq!(
        (status, &told["state"], &told["approved_by"][0]["user"]),
        (200, &json!("waiting"), &json!("ann"))
    );
    assert_eq!(site.waits().await?, id, "one of two");
    assert_eq!(code(approve(ann, &id).await?), is(409, "approval-already-given"));
    // Whoever asked waits for the answer, and sees nobody's name.
    let own = format!("/api/tickets/approvals/{id}");
    let waiting = tokio::spawn({
        let (source, path) = (pair.source.clone(), format!("{own}?wait=30"));
        async move { source.call("GET", &path, None).await }
    });
    until("somebody waits", async || {
        let (_, told) = pair.source.call("GET", &own, None).await?;
        Ok((told["approval"]["approved"] == 1).then_some(()))
    })
    .await?;
    let (status, told) = approve(bea, &id).await?;
    assert_eq!((status, &told["state"]), (200, &json!("approved")));
    assert_eq!(stream.at_once("approval").await?["state"], "approved");
    let (status, told) = tokio::time::timeout(Duration::from_secs(5), waiting).await???;
    assert_eq!((status, &told["approval"]["state"]), (200, &json!("approved")), "{told}");
    assert!(!told.to_string().contains("ann"), "{told}");
    assert_eq!(pair.target.call("GET", &own, None).await?.0, 404, "somebody else's");
    assert_eq!(pair.target.call("GET", "/api/tickets/inbox", None).await?.1["tickets"], json!([]));

    let session = pair.admitted().await?;
    assert!(!session.is_empty());
    assert_eq!(site.state(&id).await?, "used");
    assert_ne!(site.waits().await?, id, "it was good for one ticket");
    // Whoever comes later is told what waits.
    let mut late = pair.source.follow(STREAM).await?;
    assert_eq!(snapshot(&mut late).await?.len(), 1);
    let told = receiver.wait_for("/hook", 3).await?;
    assert!(told.iter().any(|seen| seen.json()["data"]["approved_by"] == json!(["ann", "bea"])));
    let (_, told) = ann.call("GET", "/api/v1/events?limit=50", None).await?;
    let kinds: Vec<_> = told["events"].as_array().unwrap().iter().map(|one| text(&one["type"])).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("approval.")).count(), 3, "{kinds:?}");
    let (_, told) = pair.operator.call("GET", "/api/v1/audit/verify", None).await?;
    assert_eq!(told["whole"], json!(true));
    let (_, told) = pair.operator.call("GET", "/api/v1/audit?action=approval.approve", None).await?;
    let rows = told["rows"].as_array().unwrap();
    let row = |row: &Value| format!("{} {}", text(&row["actor"]), text(&row["outcome"]));
    let expected = ["user:ann ok", "user:ann approval-already-given", "user:bea ok"];
    assert_eq!(rows.iter().map(row).collect::<Vec<_>>(), expected);
    assert!(text(&rows[2]["target"]).ends_with(", 2 of 2"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn only_a_person_who_had_no_hand_in_it_and_may_approves() -> Result<()> {
    let site = Site::new(json!({}), "").await?;
    let host = &site.pair.host;
    let id = site.waits().await?;
    let (page, one) = ("/api/v1/approvals", format!("/api/v1/approvals/{id}"));
    // The owner made the assignment, wrote the scope and enrolled the agents.
    let refused = approve(&owner(host).await?, &id).await?;
    assert!(text(&refused.1["detail"]).contains("you made the assignment"), "{refused:?}");
    assert_eq!(code(refused), is(403, "approval-four-eyes"));
    // A token of a person, a token of a service, an agent, nobody.
    let of = async |user: &str, scope: Value| {
        let new = json!({ "name": format!("{user}-token"), "service": user, "scope": scope });
        let (status, told) = owner(host).await?.call("POST", "/api/v1/tokens", Some(&new)).await?;
        ensure!(status == 201, "{status} {told}");
        host.anybody(Some(&format!("Bearer {}", text(&told["token"]))))
    };
    let service = json!({ "name": "ci", "roles": ["operator"], "service": true });
    assert_eq!(site.pair.operator.call("POST", "/api/v1/users", Some(&service)).await?.0, 201);
    let all = json!([{ "actions": ["*:*"] }]);
    let service = of("ci", all).await?;
    for token in [&site.pair.operator, &service] {
        assert_eq!(code(approve(token, &id).await?), is(403, "approval-not-a-person"));
        assert_eq!(
            code(reject(token, &id, &json!({ "reason": "no" })).await?),
            is(403, "approval-not-a-person")
        );
        assert_eq!(token.call("GET", &one, None).await?.0, 200, "which may look");
    }
    for agent in [&site.pair.source, &site.pair.target, &host.anybody(None)?] {
        assert_eq!(approve(agent, &id).await?.0, 401);
        assert_eq!(agent.call("GET", page, None).await?.0, 401);
    }
    // Who may look only, who may for other scopes, who may nothing: the last two are not told that it is there.
    for (name, on, role) in
        [("vic", "shell", "approval:read"), ("tim", "tunnel", "approval:*"), ("nil", "shell", "item:read")]
    {
        let grants = match name {
            "nil" => json!([{ "actions": [role] }]),
            _ => json!([{ "actions": [role], "on": { "scope": [on] } }]),
        };
        let path = format!("/api/v1/roles/{name}-role");
        let put = json!({ "about": "", "grants": grants });
        let told = site.pair.operator.call("PUT", &path, Some(&put)).await?;
        assert!(told.0 < 300, "{told:?}");
        let (who, _) = host.person(name, &[&format!("{name}-role")]).await?;
        let (listed, shown, said) = (
            who.call("GET", page, None).await?,
            who.call("GET", &one, None).await?.0,
            approve(&who, &id).await?,
        );
        match name {
            "vic" => {
                assert_eq!((listed.1["approvals"].as_array().unwrap().len(), shown), (1, 200));
                assert_eq!(code(said), is(403, "forbidden"));
            }
            "tim" => {
                assert_eq!((listed.1["approvals"].as_array().unwrap().len(), shown), (0, 404));
                assert_eq!(code(said), is(404, "not-found"));
            }
            _ => {
                assert_eq!((listed.0, shown), (403, 403));
                assert_eq!(code(said), is(403, "forbidden"));
            }
        }
    }
    // What is not asked rightly.
    for body in
        [json!({}), json!([]), json!({ "reason": 7 }), json!({ "reason": "no", "more": 1 }), json!(null)]
    {
        assert_eq!(code(reject(&site.ann, &id, &body).await?), is(422, "bad-body"), "{body}");
    }
    for reason in ["", "  ", "a\nb", "\u{1b}[2J", "a\u{202e}b", &"x".repeat(501)] {
        let told = reject(&site.ann, &id, &json!({ "reason": reason })).await?;
        assert_eq!(code(told), is(422, "approval-reason"), "{reason:?}");
    }
    let large = json!({ "reason": "x".repeat(1 << 20) });
    assert_eq!(code(reject(&site.ann, &id, &large).await?), is(413, "bad-body"));
    let path = format!("{one}/reject");
    assert_eq!(site.ann.call("POST", &path, None).await?.0, 415, "no body");
    for other in ["01a3185c-53e8-7b69-b839-25b89be75345", "nonsense", "..%2f"] {
        assert_eq!(code(approve(&site.ann, other).await?), is(404, "not-found"), "{other}");
        let path = format!("/api/tickets/approvals/{other}");
        assert_eq!(site.pair.source.call("GET", &path, None).await?.0, 404, "{other}");
    }
    for query in ["state=open", "limit=x", "after=x", "more=1"] {
        assert_eq!(site.ann.call("GET", &format!("{page}?{query}"), None).await?.0, 422, "{query}");
    }
    assert_eq!(site.state(&id).await?, "waiting", "through all of that");
    // A scope that asks for what cannot be.
    for (approval, at) in [
        (json!(null), r#"["approval"]"#),
        (json!(1), r#"["approval"]"#),
        (json!({ "people": 0 }), r#"["approval","people"]"#),
        (json!({ "people": 6 }), r#"["approval","people"]"#),
        (json!({ "people": "two" }), r#"["approval","people"]"#),
        (json!({ "within": 0 }), r#"["approval","within"]"#),
        (json!({ "within": 86_401 }), r#"["approval","within"]"#),
        (json!({ "within": 1.5 }), r#"["approval","within"]"#),
        (json!({ "for": "all" }), r#"["approval","for"]"#),
        (json!({ "for": [SHELL, 7] }), r#"["approval","for",1]"#),
        (json!({ "for": ["shell:other"] }), r#"["scopes"]"#),
    ] {
        let put = asking(approval.clone());
        let (status, told) = site.pair.operator.call("PUT", "/api/tickets/scopes/shell", Some(&put)).await?;
        assert_eq!(
            (status, told["details"]["issues"][0]["path"].to_string().as_str()),
            (400, at),
            "{approval}"
        );
    }
    assert_eq!(site.state(&id).await?, "waiting", "a scope that was not written changed nothing");
    for most in [
        json!({ "people": 5, "within": 86_400, "ignored": 1 }),
        json!({ "people": 1, "within": 1, "for": [] }),
    ] {
        site.scope(&asking(most)).await?;
    }
    assert_eq!(site.state(&id).await?, "ended");
    Ok(())
}

#[tokio::test]
async fn whoever_is_rejected_or_not_answered_is_told_why_and_waits() -> Result<()> {
    let site = Site::new(json!({ "people": 1 }), "").await?;
    let id = site.waits().await?;
    let reason = "<script>alert('no')</script> — not today";
    let (status, told) = reject(&site.ann, &id, &json!({ "reason": reason })).await?;
    assert_eq!((status, &told["state"], &told["rejected_by"]), (200, &json!("rejected"), &json!("ann")));
    assert_eq!(code(approve(&site.bea, &id).await?), is(409, "approval-over"));
    let (status, told) = site.pair.ask().await?;
    assert_eq!((status, &told["error"]), (403, &json!("Not approved")), "{told}");
    let details = &told["details"];
    assert_eq!((&details["code"], &details["reason"]), (&json!("approval-rejected"), &json!(reason)));
    assert_eq!(details["approval"]["id"], json!(id));
    // A moment later people can be asked again.
    let next = until("it may be asked again", async || Ok(site.waits().await.ok())).await?;
    assert_ne!(next, id);

    // Nobody answers, within a second.
    site.scope(&asking(json!({ "within": 1 }))).await?;
    let last = site.waits().await?;
    assert_ne!(last, next, "what was asked for under other terms is over");
    let own = format!("/api/tickets/approvals/{last}?wait=30");
    let (_, told) = site.pair.source.call("GET", &own, None).await?;
    assert_eq!(told["approval"]["state"], "expired", "told when it is, not when somebody sweeps");
    assert_eq!(code(approve(&site.ann, &last).await?), is(409, "approval-over"));
    let (status, told) = site.pair.ask().await?;
    assert_eq!((status, &told["details"]["code"]), (403, &json!("approval-expired")), "{told}");
    let record = site.folder.run(&["audit", "list", "--action", "approval.reject"]).await?;
    assert!(record.stdout.contains("user:ann") && record.stdout.contains("not today"), "{record:?}");
    let record = until("it is on record", async || {
        let record = site.folder.run(&["audit", "list", "--action", "approval.expire"]).await?;
        Ok(record.stdout.contains(&last).then_some(record.stdout))
    })
    .await?;
    assert!(record.contains("host"), "{record}");
    // Without approval all is as before.
    site.scope(&scope()).await?;
    assert_eq!(site.pair.ask().await?.0, 201);
    Ok(())
}

#[tokio::test]
async fn what_it_stands_on_is_looked_at_again() -> Result<()> {
    let site = Site::new(json!({ "people": 1 }), "").await?;
    let operator = &site.pair.operator;
    let mut stream = site.pair.source.follow(STREAM).await?;
    snapshot(&mut stream).await?;
    // Approved, and then the scope is another, the assignment is taken back, the target is revoked.
    let approved = async || {
        let id = site.waits().await?;
        assert_eq!(approve(&site.ann, &id).await?.0, 200);
        Ok::<_, anyhow::Error>(id)
    };
    let id = approved().await?;
    site.scope(&asking(json!({ "people": 2 }))).await?;
    assert_ne!(site.waits().await?, id, "others have to approve it, and more of them");
    site.scope(&asking(json!({ "people": 1 }))).await?;

    let id = approved().await?;
    let assignment = format!("/api/tickets/assignments/target/{SHELL}%3A{}", site.pair.instance);
    assert_eq!(operator.call("DELETE", &assignment, None).await?.0, 200);
    assert_eq!(site.pair.ask().await?, (404, json!({ "error": "Not found" })));
    assert_eq!(site.state(&id).await?, "ended");
    site.pair.assign("target").await?;
    let next = approved().await?;
    assert_ne!(next, id, "assigned again, it is approved again");
    let told = loop {
        let (name, told) = stream.next().await?.unwrap();
        if name == "approval" && told["id"] == json!(id) && told["state"] == "ended" {
            break told;
        }
    };
    assert_eq!(told["reason"], "assignment_removed");
    assert_eq!(operator.call("DELETE", "/api/v1/agents/target", None).await?.0, 200);
    assert_eq!(site.pair.ask().await?.0, 404);
    assert_eq!(site.state(&next).await?, "ended");
    assert_eq!(code(approve(&site.bea, &next).await?), is(409, "approval-over"));
    Ok(())
}

#[tokio::test]
async fn hooks_are_asked_before_people_and_again_when_it_is_picked_up() -> Result<()> {
    let file = built::fixture("hook-probe")?;
    let hook = format!(
        "\n[plugins.guard]\nfile = {file:?}\nhooks = [\"before-issue\"]\nconfig = {{ \"before-issue\" = \"allow\" }}\n"
    );
    let site = Site::new(json!({ "people": 1 }), &hook).await?;
    let switch = async |what: &str| {
        let path = format!("/api/v1/plugins/guard/{what}");
        let told = site.pair.operator.call("POST", &path, None).await?;
        ensure!(told.0 == 200, "{told:?}");
        Ok(())
    };
    switch("disable").await?;
    assert_eq!(site.pair.ask().await?.1["details"]["code"], "hook-failed");
    let (_, listed) = site.ann.call("GET", "/api/v1/approvals", None).await?;
    assert_eq!(listed["approvals"], json!([]), "nobody is bothered with what a hook refuses");
    switch("enable").await?;
    let id = site.waits().await?;
    switch("disable").await?;
    assert_eq!(site.waits().await?, id, "while people are asked, hooks are not");
    assert_eq!(approve(&site.ann, &id).await?.0, 200);
    let (status, told) = site.pair.ask().await?;
    assert_eq!((status, &told["details"]["code"]), (403, &json!("hook-failed")), "{told}");
    assert_eq!(site.state(&id).await?, "approved", "it can still be picked up");
    switch("enable").await?;
    assert_eq!(site.pair.ask().await?.0, 201);
    Ok(())
}

#[tokio::test]
async fn an_approval_outlives_the_host() -> Result<()> {
    let mut site = Site::new(json!({ "people": 2 }), "").await?;
    let id = site.waits().await?;
    assert_eq!(approve(&site.ann, &id).await?.0, 200);
    let restart = async |site: &mut Site| {
        site.pair.host.process.kill().await?;
        site.pair.host = TlsHost::start(&site.folder).await?;
        let Site { pair, ann, bea, .. } = site;
        for party in [&mut pair.operator, &mut pair.source, &mut pair.target, ann, bea] {
            party.moved_to(&pair.host);
        }
        Ok::<_, anyhow::Error>(())
    };
    restart(&mut site).await?;
    assert_eq!(site.waits().await?, id);
    assert_eq!(code(approve(&site.ann, &id).await?), is(409, "approval-already-given"));
    assert_eq!(approve(&site.bea, &id).await?.1["state"], "approved");
    restart(&mut site).await?;
    site.pair.admitted().await?;
    assert_eq!(site.state(&id).await?, "used");
    Ok(())
}

#[tokio::test]
async fn people_decide_on_the_command_line() -> Result<()> {
    let site = Site::new(json!({ "people": 1, "within": 600 }), "").await?;
    let id = site.waits().await?;
    let file = site.folder.path().join("ann");
    std::fs::write(&file, &site.token)?;
    let ann = async |args: &[&str]| site.folder.run(&[args, &["--token-file", "ann"]].concat()).await;
    let listed = site.folder.run(&["approval", "list"]).await?;
    assert!(listed.stdout.contains(&id) && listed.stdout.contains("0 of 1"), "{listed:?}");
    let shown = site.folder.run(&["approval", "show", &id]).await?;
    assert!(shown.stdout.contains("olga, who had a hand in it: assignment, scope, agent"), "{shown:?}");
    let scopes = site.folder.run(&["scope", "list"]).await?;
    assert!(scopes.stdout.contains("APPROVED BY"), "{scopes:?}");
    // The token of the tests is no person.
    let refused = site.folder.run(&["approval", "approve", &id, "--json"]).await?;
    assert!(refused.code != 0 && refused.stderr.contains("approval-not-a-person"), "{refused:?}");
    let done = ann(&["approval", "approve", &id]).await?;
    assert!(done.code == 0 && done.stderr.contains("source gets its ticket when it asks again"), "{done:?}");
    site.pair.admitted().await?;
    let next = site.waits().await?;
    let done = ann(&["approval", "reject", &next, "--reason", "not today", "--json"]).await?;
    assert_eq!(done.json()?["state"], "rejected");
    assert_eq!(ann(&["approval", "reject", &next]).await?.code, 2, "it takes a reason");
    let all = site.folder.run(&["approval", "list", "--all", "--scope", "shell", "--json"]).await?.json()?;
    let states: Vec<_> = all["approvals"].as_array().unwrap().iter().map(|one| text(&one["state"])).collect();
    assert_eq!(states, ["used", "rejected"]);
    let none = site.folder.run(&["approval", "list", "--json"]).await?.json()?;
    assert_eq!(none["approvals"], json!([]));
    assert_eq!(site.folder.run(&["approval", "show", "01a3185c-53e8-7b69-b839-25b89be75345"]).await?.code, 6);
    Ok(())
}
