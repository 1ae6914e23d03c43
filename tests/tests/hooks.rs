//! Hooks through the real host: asked at their points, in order, with what they may see; what a denial and a failure
//! become; and the two that come with Waystation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ops::Deref;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::agents::{TlsHost, Told};
use waystation_tests::pair::{Pair, SHELL, text};
use waystation_tests::{Folder, built, until};

fn scope(name: &str) -> Value {
    json!({
        "name": name, "version": "1.0.0", "description": "Something",
        "scopes": [{ "name": format!("{name}:connect"), "description": "Opens one", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    })
}

/// `[plugins.NAME]` of a hook in `file`, with more lines of that table.
fn hook(name: &str, file: &Path, points: &[&str], more: &str) -> String {
    format!("\n[plugins.{name}]\nfile = {file:?}\nhooks = {points:?}\n{more}\n")
}

/// The fixture, which answers so at its points.
fn probe(name: &str, points: &[&str], more: &str, answers: &[(&str, &str)]) -> Result<String> {
    let config: Vec<_> = answers.iter().map(|(point, answer)| format!("{point:?} = {answer:?}")).collect();
    let config = format!("{more}\nconfig = {{ {} }}", config.join(", "));
    Ok(hook(name, &built::fixture("hook-probe")?, points, &config))
}

/// Two agents of a host with these plugins.
struct Site {
    folder: Folder,
    pair: Pair,
}

impl Deref for Site {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        &self.pair
    }
}

impl Site {
    async fn new(plugins: &str) -> Result<Self> {
        // Many requests in a minute, so that a test can ask often.
        let folder = TlsHost::folder(&format!("[tickets]\nrequests = 1000\n{plugins}"))?;
        let pair = Pair::new(TlsHost::start(&folder).await?).await?;
        Ok(Self { folder, pair })
    }

    async fn beat(&self, session: &str) -> Result<Told> {
        let path = format!("/api/tickets/sessions/{session}/heartbeat");
        self.target.call("POST", &path, None).await
    }

    /// Rows of the record, as action, outcome and target.
    async fn record(&self, action: &str) -> Result<Vec<(String, String)>> {
        let path = format!("/api/v1/audit?action={action}");
        let (_, told) = self.operator.call("GET", &path, None).await?;
        let row = |row: &Value| (text(&row["outcome"]).to_owned(), text(&row["target"]).to_owned());
        Ok(told["rows"].as_array().unwrap().iter().map(row).collect())
    }
}

fn denied(hook: &str, reason: &str) -> Told {
    let details = json!({ "code": "denied", "hook": hook, "reason": reason });
    (403, json!({ "error": "Denied by policy", "details": details }))
}

fn failed(hook: &str, cause: &str) -> Told {
    let reason = format!("the hook did not decide ({cause})");
    let details = json!({ "code": "hook-failed", "hook": hook, "reason": reason });
    (403, json!({ "error": "Denied by policy", "details": details }))
}

#[tokio::test]
async fn what_is_allowed_goes_on_as_without_hooks() -> Result<()> {
    let points = ["before-issue", "after-validate", "before-scope-change", "on-session-change"];
    let answers = [("before-issue", "allow"), ("after-validate", "allow"), ("before-scope-change", "allow")];
    let site = Site::new(&probe("probe", &points, "", &answers)?).await?;
    let id = site.ticket().await?;
    assert_eq!(site.session(&id).await?.0, 400, "not redeemed yet");
    let (status, told) = site.validate(&id).await?;
    assert_eq!((status, &told["valid"]), (200, &json!(true)), "{told}");
    assert_eq!(site.validate(&id).await?.0, 401, "once");
    let (status, told) = site.session(&id).await?;
    assert_eq!(status, 201, "{told}");
    let session = text(&told["session"]["sessionId"]).to_owned();
    let path = format!("/api/tickets/sessions/{session}");
    site.source.call("PATCH", &path, Some(&json!({ "status": "grace" }))).await?;
    site.operator.call("DELETE", &path, None).await?;
    let id = site.ticket().await?;
    site.validate(&id).await?;
    assert_eq!(site.session(&id).await?.0, 201);
    // What ends many at once tells each.
    assert_eq!(site.operator.call("DELETE", "/api/tickets/scopes/shell", None).await?.0, 200);

    let lines = until("all changes are told", async || {
        let (_, told) = site.operator.call("GET", "/api/v1/plugins/probe/logs", None).await?;
        let said = told.to_string();
        Ok(said.contains("ended scope_removed").then_some(said))
    })
    .await?;
    let told: Vec<_> = ["opened ", "grace ", "ended admin_killed", "opened ", "ended scope_removed"].into();
    let mut rest = lines.as_str();
    for what in told {
        let at = rest.find(what).unwrap_or_else(|| panic!("{what}: {lines}"));
        rest = &rest[at + what.len()..];
    }
    assert!(!lines.contains(&session), "no id of a session is told");
    assert!(site.record("hook.deny").await?.is_empty());
    assert_eq!(site.record("ticket.hold").await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_denial_is_told_to_who_asked_and_is_on_record() -> Result<()> {
    let site =
        Site::new(&probe("guard", &["before-issue"], "", &[("before-issue", "not on my watch")])?).await?;
    assert_eq!(site.ask().await?, denied("guard", "not on my watch"));
    let (_, listed) = site.operator.call("GET", "/api/tickets", None).await?;
    assert_eq!(listed["tickets"], json!([]), "nothing was issued");
    let rows = site.record("hook.deny").await?;
    assert_eq!(rows, [("denied".into(), "guard before-issue: not on my watch".into())]);
    let listed = site.folder.run(&["audit", "list", "--action", "hook.deny"]).await?;
    assert!(listed.stdout.contains("guard before-issue: not on my watch"), "{listed:?}");
    let rows = site.record("ticket.issue").await?;
    let target = format!("target {SHELL}:{}", site.instance);
    assert_eq!(rows, [("ticket-policy-denied".into(), target)]);

    // What the host refuses itself is no question to a hook.
    let wanted = json!({ "scope": SHELL, "instanceId": site.instance, "target": "nobody" });
    assert_eq!(site.source.call("POST", "/api/tickets", Some(&wanted)).await?.0, 404);
    let assignment = format!("/api/tickets/assignments/target/{SHELL}%3A{}", site.instance);
    site.operator.call("DELETE", &assignment, None).await?;
    assert_eq!(site.ask().await?, (404, json!({ "error": "Not found" })));
    assert_eq!(site.record("hook.deny").await?.len(), 1);
    let (_, told) = site.operator.call("GET", "/api/v1/audit/verify", None).await?;
    assert_eq!(told["whole"], json!(true));
    Ok(())
}

#[tokio::test]
async fn a_hook_is_told_who_and_what_and_no_secret() -> Result<()> {
    let site = Site::new(&probe("guard", &["after-validate"], "", &[("after-validate", "tell")])?).await?;
    let id = site.ticket().await?;
    let (status, told) = site.validate(&id).await?;
    let reason = text(&told["details"]["reason"]).to_owned();
    assert_eq!(status, 403);
    for part in [
        "tenant: default, scope: shell, sub-scope: shell:connect",
        &format!("instance: {}", site.instance),
        "source: Party  name: source, capabilities: shell:connect",
        "target: Party  name: target, capabilities: shell:connect",
        "at: 20",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(!reason.contains(&id));
    // The ticket is used up, and opens nothing.
    assert_eq!(site.validate(&id).await?, (401, json!({ "error": "Invalid ticket" })));
    assert_eq!(site.session(&id).await?, (400, json!({ "error": "Invalid ticket" })));
    let (_, listed) = site.operator.call("GET", "/api/tickets", None).await?;
    assert_eq!(listed["tickets"][0]["state"], "revoked");
    let outcomes: Vec<_> = site.record("ticket.redeem").await?.into_iter().map(|row| row.0).collect();
    assert_eq!(outcomes, ["ticket-policy-denied", "ticket-unknown"]);
    Ok(())
}

#[tokio::test]
async fn a_ticket_opens_nothing_while_a_hook_is_asked() -> Result<()> {
    let site = Site::new(&probe("slow", &["after-validate"], "", &[("after-validate", "stall")])?).await?;
    let id = site.ticket().await?;
    let (validated, early) = tokio::join!(site.validate(&id), async {
        until("the ticket is held", async || {
            let (_, listed) = site.operator.call("GET", "/api/tickets", None).await?;
            Ok((listed["tickets"][0]["state"] == "redeemed").then_some(()))
        })
        .await?;
        site.session(&id).await
    });
    assert_eq!(early?, (400, json!({ "error": "Invalid ticket" })));
    assert_eq!(validated?, failed("slow", "deadline"));
    assert_eq!(site.session(&id).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_where_a_hook_does_not_let_it_go_on() -> Result<()> {
    let denies = [("after-validate", "it is late")];
    let site = Site::new(&probe("guard", &["while-open"], "", &denies)?).await?;
    let session = site.admitted().await?;
    let mut events = site.source.follow("/api/tickets/inbox/stream").await?;
    for name in ["inbox", "session", "ready"] {
        events.at_once(name).await?;
    }
    let over = json!({ "authorized": false, "reason": "admin_killed", "cause": "policy_denied" });
    assert_eq!(site.beat(&session).await?, (200, over.clone()));
    let told = events.at_once("session").await?;
    assert_eq!((&told["sessionId"], &told["reason"]), (&json!(session), &json!("policy_denied")), "{told}");
    // It stays so, and nobody is asked about it any more.
    assert_eq!(site.beat(&session).await?, (200, over));
    let path = format!("/api/tickets/sessions/{session}");
    assert_eq!(site.source.call("PATCH", &path, Some(&json!({ "status": "active" }))).await?.0, 409);
    let denied = ("denied".to_owned(), "guard while-open: it is late".to_owned());
    assert_eq!(site.record("hook.deny").await?, std::slice::from_ref(&denied));
    let ended = ("ok".to_owned(), format!("{session} policy_denied"));
    assert_eq!(site.record("session.end").await?, [ended]);
    // Nobody keeps one alive in another way.
    let path = format!("/api/tickets/sessions/{}", site.admitted().await?);
    let told = site.target.call("PATCH", &path, Some(&json!({ "status": "active" }))).await?;
    assert_eq!(told, (409, json!({ "error": "Session is terminated" })));
    assert_eq!(site.record("hook.deny").await?, [denied.clone(), denied]);
    Ok(())
}

#[tokio::test]
async fn a_hook_that_fails_ends_sessions_unless_the_operator_said_otherwise() -> Result<()> {
    let traps = [("after-validate", "trap")];
    let site = Site::new(&probe("guard", &["while-open"], "", &traps)?).await?;
    let session = site.admitted().await?;
    assert_eq!(site.beat(&session).await?.1["cause"], "policy_denied");
    assert_eq!(site.record("hook.deny").await?[0].0, "hook-failed");
    let allows = probe("b-allows", &["while-open"], "", &[("after-validate", "allow")])?;
    let site = Site::new(&format!(
        "{}{allows}",
        probe("a-traps", &["while-open"], "on_failure = \"open\"", &traps)?
    ))
    .await?;
    let session = site.admitted().await?;
    assert_eq!(site.beat(&session).await?, (200, json!({ "authorized": true })));
    assert_eq!(site.record("hook.pass").await?[0].0, "hook-failed");
    // What the host ends is no question to anybody; nor is what is somebody else's.
    site.operator.call("DELETE", &format!("/api/tickets/sessions/{session}"), None).await?;
    assert_eq!(site.beat(&session).await?.1["cause"], "admin_killed");
    assert_eq!(site.beat(&"0".repeat(32)).await?.0, 404);
    assert_eq!(site.record("hook.pass").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_hook_that_fails_denies_unless_the_operator_said_otherwise() -> Result<()> {
    let mut plugins = String::from("[quarantine]\nfailures = 2\nbackoff = \"10m\"\n");
    for (name, how) in
        [("trap", "trap"), ("spin", "spin"), ("stall", "stall"), ("garbage", "garbage"), ("sorry", "error")]
    {
        plugins +=
            &probe(name, &["before-scope-change"], "on_failure = \"open\"", &[("before-scope-change", how)])?;
    }
    for (name, how) in [("a-trap", "trap"), ("b-never", "allow")] {
        plugins += &probe(name, &["before-issue"], "", &[("before-issue", how)])?;
    }
    let site = Site::new(&plugins).await?;
    // The scope of the site was registered all the same, and each that failed is on record with its cause.
    let mut rows = site.record("hook.pass").await?;
    rows.sort();
    let causes: Vec<_> = rows
        .iter()
        .map(|(outcome, target)| {
            assert_eq!(outcome, "hook-failed");
            let mut words = target.split([' ', ':']);
            (words.next().unwrap(), words.nth(2).unwrap())
        })
        .collect();
    let expected = [
        ("garbage", "decode"),
        ("sorry", "internal"),
        ("spin", "deadline"),
        ("stall", "deadline"),
        ("trap", "trap"),
    ];
    assert_eq!(causes, expected);

    // Closed: denied with the cause, by the first that fails; then it rests, and denies all the same.
    assert_eq!(site.ask().await?, failed("a-trap", "trap"));
    assert_eq!(site.ask().await?, failed("a-trap", "trap"));
    assert_eq!(site.ask().await?, failed("a-trap", "quarantined"));
    let rows = site.record("ticket.issue").await?;
    assert!(rows.len() == 3 && rows.iter().all(|(outcome, _)| outcome == "hook-failed"), "{rows:?}");
    // So does one that an operator turned off.
    let (status, told) = site.operator.call("POST", "/api/v1/plugins/a-trap/disable", None).await?;
    assert!(status < 300, "{status} {told}");
    assert_eq!(site.ask().await?, failed("a-trap", "not-running"));
    Ok(())
}

#[tokio::test]
async fn hooks_are_asked_in_order_and_the_first_denial_decides() -> Result<()> {
    let plugins = [
        probe("a", &["before-issue"], "", &[("before-issue", "second")])?,
        probe("b", &["before-issue"], "order = -1", &[("before-issue", "first")])?,
        probe("c", &["before-issue"], "order = -2", &[("before-issue", "allow")])?,
        probe("off", &["before-issue"], "order = -3\nenabled = false", &[("before-issue", "never")])?,
    ];
    let site = Site::new(&plugins.concat()).await?;
    assert_eq!(site.ask().await?, denied("b", "first"));
    assert_eq!(site.record("hook.deny").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_reason_is_plain_text_whatever_a_plugin_says() -> Result<()> {
    let site = Site::new(&probe("flood", &["before-issue"], "", &[("before-issue", "flood")])?).await?;
    let (status, told) = site.ask().await?;
    let reason = text(&told["details"]["reason"]);
    assert!(status == 403 && (490..=500).contains(&reason.len()), "{status} {}", reason.len());
    assert!(reason.starts_with("[2Jred  X-Evil: 1!!!") && !reason.contains(char::is_control), "{reason}");
    Ok(())
}

#[tokio::test]
async fn a_scope_changes_only_where_hooks_allow_it() -> Result<()> {
    let folder =
        TlsHost::folder(&probe("guard", &["before-scope-change"], "", &[("before-scope-change", "tell")])?)?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let (status, told) = operator.call("POST", "/api/tickets/scopes", Some(&scope("shell"))).await?;
    let reason = text(&told["details"]["reason"]);
    assert_eq!(status, 403, "{told}");
    for part in ["what: register", "scope: shell", "version: Some(1.0.0)", "sub-scopes: shell:connect"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let (_, told) = operator.call("PUT", "/api/tickets/scopes/shell", Some(&scope("shell"))).await?;
    assert!(text(&told["details"]["reason"]).contains("what: update"), "{told}");
    let (_, told) = operator.call("DELETE", "/api/tickets/scopes/shell", None).await?;
    assert!(text(&told["details"]["reason"]).contains("what: remove"), "{told}");
    let (_, listed) = operator.call("GET", "/api/tickets/scopes", None).await?;
    assert_eq!(listed["scopes"], json!([]));
    let (_, told) = operator.call("GET", "/api/v1/audit?action=scope.register", None).await?;
    assert_eq!(told["rows"][0]["outcome"], "ticket-policy-denied");
    Ok(())
}

#[tokio::test]
async fn tickets_and_scopes_are_shown_to_whom_they_are_granted() -> Result<()> {
    let answers = |how| [("before-issue", how)];
    // Without a grant: the call is refused, and the plugin's answer to that is a failure.
    for how in ["counts", "scopes"] {
        let site = Site::new(&probe("nosy", &["before-issue"], "", &answers(how))?).await?;
        assert_eq!(site.ask().await?, failed("nosy", "denied"), "{how}");
        let rows = site.record("hook.deny").await?;
        let missing = if how == "counts" { "`tickets` is not granted" } else { "`scopes` is not granted" };
        assert!(rows[0].1.contains(missing), "{rows:?}");
    }
    for (how, grant, says) in [
        ("counts", "tickets", "0 sessions, 0 tickets, 0 of nobody"),
        ("scopes", "scopes", "shell:connect with source active"),
    ] {
        let grant = format!("grants.{grant} = true");
        let site = Site::new(&probe("nosy", &["before-issue"], &grant, &answers(how))?).await?;
        assert_eq!(site.ask().await?, denied("nosy", says));
    }
    let answers = [("after-validate", "counts")];
    let site = Site::new(&probe("nosy", &["after-validate"], "grants.tickets = true", &answers)?).await?;
    let (one, _other) = (site.ticket().await?, site.ticket().await?);
    assert_eq!(site.validate(&one).await?, denied("nosy", "0 sessions, 1 tickets, 0 of nobody"));
    // Pages go on where the one before ended, and ids are in none.
    let answers = [("before-scope-change", "sessions")];
    let site =
        Site::new(&probe("nosy", &["before-scope-change"], "grants.tickets = true", &answers)?).await?;
    for _ in 0..3 {
        let id = site.ticket().await?;
        site.validate(&id).await?;
        assert_eq!(site.session(&id).await?.0, 201);
    }
    let told = site.operator.call("PUT", "/api/tickets/scopes/shell", Some(&scope("shell"))).await?;
    assert_eq!(told, denied("nosy", "source>target active, source>target active, source>target active"));
    Ok(())
}

#[tokio::test]
async fn a_hook_that_cannot_work_is_told_at_the_start_and_denies() -> Result<()> {
    let cases = [
        (
            probe("guard", &["before-issue"], "", &[("prepare", "refuse")])?,
            "`prepare` does not want before-issue",
        ),
        (
            hook(
                "guard",
                &built::plugin("ticket-policy")?,
                &["before-issue", "before-scope-change"],
                "config = { rules = [] }",
            ),
            "has nothing to say at `before-scope-change`",
        ),
        (
            hook(
                "guard",
                &built::plugin("ticket-policy")?,
                &["before-issue"],
                "config = { rules = [{ name = \"r\", when = \"true && targt.name == 'x'\", then = \"allow\" }] }",
            ),
            "`rules[0]` (r): line 1, column 9: there is no `targt`",
        ),
        (
            hook(
                "guard",
                &built::plugin("business-hours")?,
                &["before-issue"],
                "config = { time_zone = \"Europe/Berln\", calendars = [] }",
            ),
            "`Europe/Berln` is no time zone",
        ),
        (
            hook(
                "guard",
                &built::plugin("business-hours")?,
                &["before-issue"],
                "config = { time_zone = \"UTC\" }",
            ),
            "calendars",
        ),
    ];
    for (plugins, says) in cases {
        let folder = TlsHost::folder(&plugins)?;
        let host = TlsHost::start(&folder).await?;
        let (_, told) = host.operator()?.call("GET", "/api/v1/plugins", None).await?;
        assert!(told.to_string().contains(&says.replace('"', "\\\"")), "{says}: {told}");
        assert!(told.to_string().contains("\"failed\""), "{told}");
    }
    let site = Site::new(&probe("guard", &["before-issue"], "", &[("prepare", "refuse")])?).await?;
    assert_eq!(site.ask().await?, failed("guard", "not-running"));

    // One that is asked nowhere, and one that is no hook.
    let (asked_nowhere, no_hook) = (
        hook("guard", &built::fixture("hook-probe")?, &[], ""),
        hook("web", &built::plugin("webhook")?, &["before-issue"], ""),
    );
    for (plugins, says) in
        [(asked_nowhere, "is asked nowhere"), (no_hook, "`hooks` and `order` are for hooks")]
    {
        let folder = Folder::new(&plugins)?;
        let planned = folder.run(&["config", "plan"]).await?;
        assert!(planned.stdout.contains(says) || planned.stderr.contains(says), "{says}: {planned:?}");
    }
    Ok(())
}

#[tokio::test]
async fn business_hours_are_shut_or_open() -> Result<()> {
    let file = built::plugin("business-hours")?;
    let with = |open: &str| {
        let config = format!(
            "config = {{ time_zone = \"Europe/Berlin\", calendars = [{{ scopes = [\"shell:*\"], open = {open} }}] }}"
        );
        hook("hours", &file, &["before-issue", "after-validate", "while-open"], &config)
    };
    let site = Site::new(&with("[]")).await?;
    let (status, told) = site.ask().await?;
    let reason = text(&told["details"]["reason"]);
    assert_eq!(
        (status, &told["details"]["code"], &told["details"]["hook"]),
        (403, &json!("denied"), &json!("hours"))
    );
    assert!(reason.starts_with("this is never open (") && reason.ends_with(", Europe/Berlin)"), "{reason}");
    let days = "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    let site = Site::new(&with(&format!("[{{ days = {days}, from = \"00:00\", to = \"24:00\" }}]"))).await?;
    let session = site.admitted().await?;
    assert_eq!(site.beat(&session).await?, (200, json!({ "authorized": true })));
    Ok(())
}

#[tokio::test]
async fn ticket_policy_decides_by_its_rules() -> Result<()> {
    let file = built::plugin("ticket-policy")?;
    let with =
        |rules: &str| hook("policy", &file, &["before-issue"], &format!("config = {{ rules = [{rules}] }}"));
    let shells = "{ name = \"shells\", when = \"sub_scope == 'shell:connect' && source.name.startsWith('sou')\", then = \"allow\" }";
    let nobody = "{ name = \"targets\", when = \"'shell:connect' in target.capabilities\", then = \"deny\", reason = \"not them\" }";
    let undecided = "{ name = \"odd\", when = \"source.capabilities[7] == 'x'\", then = \"allow\" }";
    let site = Site::new(&with(shells)).await?;
    site.ticket().await?;
    let site = Site::new(&with(&[nobody, shells].join(", "))).await?;
    assert_eq!(site.ask().await?, denied("policy", "not them (rule targets)"));
    let site = Site::new(&with("")).await?;
    assert_eq!(site.ask().await?, denied("policy", "no rule allows it"));
    let site = Site::new(&with(&[undecided, shells].join(", "))).await?;
    assert_eq!(site.ask().await?, failed("policy", "plugin-error"));
    let rows = site.record("hook.deny").await?;
    assert!(rows[0].1.contains("rule-failed: `rules[0]` (odd): "), "{rows:?}");
    Ok(())
}
