//! What two tenants have.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use waystation_tests::agents::{Party, TlsHost};
use waystation_tests::enrolling::Machine;
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::pair::text;

use super::described;

/// An id, as most are written.
pub(crate) const NOBODYS_ID: &str = "0197f8a0-1c2d-7def-8123-456789abcdef";

/// What the other tenant calls its things, and what nobody calls any.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<&'static str, (String, String)>);

impl Names {
    fn add(&mut self, kind: &'static str, theirs: &str, nobodys: &str) {
        self.0.insert(kind, (theirs.to_owned(), nobodys.to_owned()));
    }

    pub(crate) fn theirs(&self, kind: &str) -> String {
        self.0.get(kind).unwrap_or_else(|| panic!("no {kind}")).0.clone()
    }

    pub(crate) fn nobodys(&self, kind: &str) -> String {
        self.0.get(kind).unwrap_or_else(|| panic!("no {kind}")).1.clone()
    }
}

/// The other tenant.
pub(crate) struct Theirs {
    pub(crate) names: Names,
    /// What tells that something is theirs.
    marks: Vec<String>,
    /// Its operator, and an agent of its, as `Authorization` has them.
    pub(crate) operator: String,
    pub(crate) target: String,
}

impl Theirs {
    /// That nothing of it is in this.
    pub(crate) fn nothing_in(&self, text: &str) -> Result<()> {
        let shown: Vec<&String> = self.marks.iter().filter(|mark| text.contains(mark.as_str())).collect();
        ensure!(shown.is_empty(), "{shown:?} in {text}");
        Ok(())
    }
}

/// The tenant that asks.
pub(crate) struct Ours {
    pub(crate) login: Party,
    pub(crate) source: Party,
    /// The instance of the source, and the agent that is assigned to it.
    pub(crate) instance: String,
    pub(crate) csr: String,
}

async fn done(party: &Party, method: &str, path: &str, body: &Value) -> Result<Value> {
    let (status, told) = party.call(method, path, Some(body)).await?;
    ensure!((200..300).contains(&status), "{method} {path}: {status} {told}");
    if !path.starts_with("/api/v1/") {
        described::check(method, path, status, &told.to_string())?;
    }
    Ok(told)
}

async fn post(party: &Party, path: &str, body: Value) -> Result<Value> {
    done(party, "POST", path, &body).await
}

/// An owner who is logged in.
async fn login(host: &TlsHost) -> Result<Party> {
    let nobody = host.anybody(None)?;
    let told = post(&nobody, "/api/v1/auth/login", json!({ "name": OWNER, "password": PASSWORD })).await?;
    host.anybody(Some(&format!("Bearer {}", text(&told["access_token"]))))
}

/// An agent with certificate and key; what it shows in `Authorization`.
async fn agent(host: &TlsHost, label: &str, capability: &str, machine: char) -> Result<String> {
    let (token, _) = host.invite(&json!({ "label": label, "capabilities": [capability] })).await?;
    let machine = format!("muid_{}", machine.to_string().repeat(64));
    let told = Machine::new()?.enrols(host, &token, json!({ "key": true, "machine_id": machine })).await?;
    ensure!(told.0 == 201, "{told:?}");
    Ok(format!("Bearer {}", text(&told.1["key"])))
}

fn scope(name: &str) -> Value {
    json!({
        "name": name, "version": "1", "description": "of a tenant",
        "scopes": [{ "name": format!("{name}:use"), "description": "uses it", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    })
}

/// A scope with a source, an instance and a target.
async fn pair(host: &TlsHost, name: &str, digits: [char; 2]) -> Result<(Party, Party, String, String)> {
    let operator = host.operator()?;
    let used = format!("{name}:use");
    post(&operator, "/api/tickets/scopes", scope(name)).await?;
    let source = agent(host, &format!("{name}-source"), &used, digits[0]).await?;
    let key = agent(host, &format!("{name}-target"), &used, digits[1]).await?;
    let (source, target) = (host.anybody(Some(&source))?, host.anybody(Some(&key))?);
    let wanted = json!({ "scope": used, "transport": { "strategies": ["relay"] } });
    let instance = text(&post(&source, "/api/tickets/instances", wanted).await?["instanceId"]).to_owned();
    let wanted =
        json!({ "agentLabel": format!("{name}-target"), "instanceScope": format!("{used}:{instance}") });
    post(&operator, "/api/tickets/assignments", wanted).await?;
    Ok((source, target, instance, key))
}

/// Makes what the other tenant will have.
pub(crate) async fn theirs(host: &TlsHost) -> Result<Theirs> {
    let (operator, nobody) = (host.operator()?, host.anybody(None)?);
    let (source, target, instance, key) = pair(host, "theirs", ['a', 'b']).await?;
    let mut names = Names::default();
    names.add("scope", "theirs", "nobodys");
    names.add("capability", "theirs:use", "nobodys:use");
    names.add("agent", "theirs-source", "nobodys-source");
    names.add("target", "theirs-target", "nobodys-target");
    names.add("instance", &instance, &"0123456789abcdef".repeat(2));

    let ask = async || {
        let wanted = json!({ "scope": "theirs:use", "instanceId": instance, "target": "theirs-target" });
        let told = post(&source, "/api/tickets", wanted).await?;
        anyhow::Ok(text(&told["ticket"]["id"]).to_owned())
    };
    let (opened, redeemed, pending) = (ask().await?, ask().await?, ask().await?);
    for ticket in [&opened, &redeemed] {
        post(&target, "/api/tickets/validate", json!({ "ticketId": ticket })).await?;
    }
    let session = post(&target, "/api/tickets/sessions", json!({ "ticketId": opened })).await?;
    names.add("session", text(&session["session"]["sessionId"]), &"fedcba9876543210".repeat(2));
    names.add("ticket", &pending, &"0123456789abcdef".repeat(4));
    names.add("redeemed", &redeemed, &"76543210fedcba98".repeat(4));
    let (_, listed) = operator.call("GET", "/api/tickets", None).await?;
    let listed = listed["tickets"].as_array().context("no tickets")?;
    let waiting = listed.iter().find(|ticket| ticket["state"] == "pending").context("no ticket waits")?;
    names.add("listed", text(&waiting["id"]), &"89abcdef01234567".repeat(4));

    // A request that people approve, and one of them did.
    let mut asked = scope("theirs-asked");
    asked["approval"] = json!({ "people": 2 });
    post(&operator, "/api/tickets/scopes", asked).await?;
    for label in ["theirs-source", "theirs-target"] {
        let wanted = json!({ "capabilities": ["theirs:use", "theirs-asked:use"] });
        done(&operator, "PATCH", &format!("/api/v1/agents/{label}"), &wanted).await?;
    }
    let wanted = json!({ "scope": "theirs-asked:use", "transport": { "strategies": ["relay"] } });
    let asked = text(&post(&source, "/api/tickets/instances", wanted).await?["instanceId"]).to_owned();
    let wanted =
        json!({ "agentLabel": "theirs-target", "instanceScope": format!("theirs-asked:use:{asked}") });
    post(&operator, "/api/tickets/assignments", wanted).await?;
    let wanted = json!({ "scope": "theirs-asked:use", "instanceId": asked, "target": "theirs-target" });
    source.call("POST", "/api/tickets", Some(&wanted)).await?;
    let (_, waits) = operator.call("GET", "/api/v1/approvals", None).await?;
    let approval = text(&waits["approvals"][0]["id"]).to_owned();
    names.add("approval", &approval, NOBODYS_ID);

    let (_, invited) = host.invite(&json!({ "label": "theirs-invited" })).await?;
    names.add("invitation", text(&invited["id"]), NOBODYS_ID);
    names.add("invited", "theirs-invited", "nobodys-invited");
    let helper = json!({ "pluginAgentLabel": "helper", "scope": "theirs:use" });
    post(&source, "/api/certs/agent/enroll-delegated", helper).await?;
    let (seen, _) = host.invite(&json!({ "label": "theirs-waits", "approve": true })).await?;
    let (status, waits) = Machine::new()?.enrols(host, &seen, json!({})).await?;
    ensure!(status == 202, "{status} {waits}");
    names.add("pending", text(&waits["pending"]), NOBODYS_ID);

    done(&operator, "PUT", "/api/v1/roles/theirs-role", &json!({ "grants": [{ "actions": ["item:read"] }] }))
        .await?;
    names.add("role", "theirs-role", "nobodys-role");
    let user = json!({ "name": "theirs-user", "roles": ["theirs-role"] });
    let link = text(&post(&operator, "/api/v1/users", user).await?["password_link"]["link"]).to_owned();
    let used = json!({ "link": link, "password": "a good password" });
    let used = post(&nobody, "/api/v1/auth/link/use", used).await?;
    names.add("user", "theirs-user", "nobodys-user");
    post(&operator, "/api/v1/users", json!({ "name": "theirs-linked" })).await?;
    let person = host.anybody(Some(&format!("Bearer {}", text(&used["access_token"]))))?;
    let (_, logins) = person.call("GET", "/api/v1/auth/logins", None).await?;
    names.add("login", text(&logins["logins"][0]["id"]), NOBODYS_ID);
    let wrong = json!({ "name": "theirs-user", "password": "not that" });
    ensure!(nobody.call("POST", "/api/v1/auth/login", Some(&wrong)).await?.0 == 401);

    let owner = login(host).await?;
    let bound = json!({ "provider": "idp", "subject": "theirs-subject" });
    let bound = post(&owner, "/api/v1/users/theirs-user/identities", bound).await?;
    names.add("identity", text(&bound["id"]), NOBODYS_ID);
    // Whoever made the request possible does not approve it: somebody else does.
    let second = json!({ "name": "theirs-second", "roles": ["owner"] });
    let link = text(&post(&operator, "/api/v1/users", second).await?["password_link"]["link"]).to_owned();
    let used = json!({ "link": link, "password": "a good password" });
    let used = post(&nobody, "/api/v1/auth/link/use", used).await?;
    let second = host.anybody(Some(&format!("Bearer {}", text(&used["access_token"]))))?;
    post(&second, &format!("/api/v1/approvals/{approval}/approve"), json!({})).await?;
    post(&operator, "/api/v1/users", json!({ "name": "theirs-bot", "service": true })).await?;
    names.add("service", "theirs-bot", "nobodys-bot");
    let token = json!({ "name": "theirs-token", "service": "theirs-bot", "scope": [] });
    let token = post(&owner, "/api/v1/tokens", token).await?;
    names.add("token", text(&token["id"]), NOBODYS_ID);
    let everything = json!([{ "actions": ["*:*"] }]);
    let token = json!({ "name": "control", "scope": everything });
    let token = post(&owner, "/api/v1/tokens", token).await?;
    let device = post(&nobody, "/api/v1/auth/device", json!({})).await?;
    names.add("device", text(&device["user_code"]), "BBBB-BBBB");

    let mut marks: Vec<String> = names.0.values().map(|(theirs, _)| theirs.clone()).collect();
    marks.extend(["theirs".to_owned(), text(&token["id"]).to_owned()]);
    Ok(Theirs { names, marks, operator: format!("Bearer {}", text(&token["token"])), target: key })
}

/// Makes what the tenant has that asks.
pub(crate) async fn ours(host: &TlsHost) -> Result<Ours> {
    let (source, target, instance, _) = pair(host, "ours", ['c', 'd']).await?;
    // Lists have something in them.
    let wanted = json!({ "scope": "ours:use", "instanceId": instance, "target": "ours-target" });
    let opened = post(&source, "/api/tickets", wanted.clone()).await?;
    let opened = json!({ "ticketId": opened["ticket"]["id"] });
    post(&target, "/api/tickets/validate", opened.clone()).await?;
    post(&target, "/api/tickets/sessions", opened).await?;
    post(&source, "/api/tickets", wanted).await?;
    Ok(Ours { login: login(host).await?, source, instance, csr: Machine::new()?.csr()? })
}
