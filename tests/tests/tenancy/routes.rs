//! How every route is asked for what is another tenant's.

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::agents::Party;

use super::world::{Ours, Theirs};

/// Who asks, all of them of our tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plane {
    /// With an API token for everything.
    Operator,
    /// The owner, logged in.
    Login,
    /// An agent, by its key.
    Agent,
    /// Without anything.
    Nobody,
}

/// What is right.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// The same as for what nobody has: this status, and the same body.
    Same(u16),
    /// This status, and a part of our list: where it begins is a place, which is nobody's.
    Page(u16),
    /// It is made here, whatever there is of that name elsewhere.
    Made(u16),
}

/// One question. `{kind}` in path or body stands for a name.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) plane: Plane,
    pub(crate) expected: Expected,
    pub(crate) kinds: Vec<String>,
    /// The other tenant itself hears 200, and nothing changes by it.
    pub(crate) control: bool,
    pub(crate) method: String,
    /// As it is described.
    pub(crate) route: String,
    path: String,
    body: Option<String>,
}

impl Case {
    /// Asks with these names.
    pub(crate) async fn asked(&self, party: &Party, name: impl Fn(&str) -> String) -> Result<(u16, String)> {
        let fill = |text: &str| {
            self.kinds
                .iter()
                .fold(text.to_owned(), |text, kind| text.replace(&format!("{{{kind}}}"), &name(kind)))
        };
        let (headers, body) = match &self.body {
            Some(body) => ("content-type: application/json\r\n", fill(body)),
            None => ("", String::new()),
        };
        party.text(&self.method, &fill(&self.path), headers, &body).await
    }
}

/// Names in `{}`.
fn kinds(text: &str) -> impl Iterator<Item = String> {
    text.split('{')
        .skip(1)
        .filter_map(|part| {
            let (kind, _) = part.split_once('}')?;
            kind.bytes().all(|b| b.is_ascii_lowercase()).then(|| kind.to_owned())
        })
        .filter(|kind| !kind.is_empty())
}

struct Asks<'p>(&'p str, &'p str, Vec<Case>);

impl Asks<'_> {
    fn add(mut self, plane: Plane, path: &str, body: Option<Value>, expected: Expected) -> Self {
        let body = body.map(|body| body.to_string());
        let mut found: Vec<String> = kinds(path).chain(body.iter().flat_map(|body| kinds(body))).collect();
        found.sort();
        found.dedup();
        self.2.push(Case {
            name: format!("{:?} {} {path} {}", plane, self.0, body.as_deref().unwrap_or_default()),
            plane,
            expected,
            kinds: found,
            control: false,
            method: self.0.to_owned(),
            route: self.1.to_owned(),
            path: path.to_owned(),
            body,
        });
        self
    }

    fn control(mut self) -> Self {
        if let Some(last) = self.2.last_mut() {
            last.control = true;
        }
        self
    }
}

/// The questions to a route; none where it is not known.
#[expect(clippy::too_many_lines, reason = "one table")]
pub(crate) fn cases(method: &str, path: &str, _: &Theirs, ours: &Ours) -> Option<Vec<Case>> {
    use Expected::{Made, Page, Same};
    use Plane::{Agent, Login, Nobody, Operator};
    let start = || Asks(method, path, Vec::new());
    let op = |path: &str, expected| start().add(Operator, path, None, expected);
    let with = |path: &str, body: Value, expected| start().add(Operator, path, Some(body), expected);
    let person = |path: &str, body: Option<Value>, expected| start().add(Login, path, body, expected);
    let agent = |path: &str, body: Option<Value>, expected| start().add(Agent, path, body, expected);
    let nobody = |path: &str, body: Value, expected| start().add(Nobody, path, Some(body), expected);
    // Of the host, which all tenants share, whatever name is given.
    let shared = |path: &str| op(path, Same(404));
    // What is shown says whose it is, and is good there only; the tests of users and of enrolment have it. Or it is about
    // the host and takes no name.
    let nothing_to_cross = || Some(Vec::new());
    let transport = json!({ "strategies": ["relay"] });
    let here = &ours.instance;
    let asks = match (method, path) {
        ("GET", "/healthz" | "/readyz" | "/metrics" | "/api/v1/openapi.json") => return nothing_to_cross(),
        ("GET", "/api/v1/certificates/crl") => return nothing_to_cross(),
        ("POST", "/api/v1/auth/refresh" | "/api/v1/auth/link" | "/api/v1/auth/link/use") => {
            return nothing_to_cross();
        }
        ("POST", "/api/v1/auth/device" | "/api/v1/auth/device/token" | "/api/enroll") => {
            return nothing_to_cross();
        }
        // Events, items and plugins are of the host; streams do not end by themselves.
        ("GET", "/api/v1/events/stream" | "/api/v1/plugins/{name}/logs/stream") => {
            return nothing_to_cross();
        }
        // Read to its end by the test itself.
        ("GET", "/api/tickets/inbox/stream") => return nothing_to_cross(),

        (
            "GET",
            "/api/v1/host"
            | "/api/v1/items"
            | "/api/v1/plugins"
            | "/api/v1/trust"
            | "/api/v1/events"
            | "/api/v1/channels"
            | "/api/v1/deliveries"
            | "/api/v1/deliveries/dead"
            | "/api/v1/certificate"
            | "/api/v1/auth/me"
            | "/api/v1/roles"
            | "/api/v1/enrolments/pending",
        ) => op(path, Same(200)),
        ("POST", "/api/v1/trust/refresh") => op(path, Same(200)),
        ("POST", "/api/v1/deliveries/replay") => with(path, json!({ "channel": "{agent}" }), Same(200)),
        ("POST", "/api/v1/items") => {
            with(path, json!({ "name": "{agent}", "source": "none", "locator": "x" }), Same(422))
        }
        ("POST", "/api/v1/checks") => with(path, json!({ "items": ["{agent}"] }), Same(404)),
        ("GET" | "DELETE", "/api/v1/items/{name}") => shared("/api/v1/items/{agent}"),
        ("GET", "/api/v1/plugins/{name}") => shared("/api/v1/plugins/{agent}"),
        ("GET", "/api/v1/plugins/{name}/logs") => shared("/api/v1/plugins/{agent}/logs"),
        ("POST", "/api/v1/plugins/{name}/enable") => shared("/api/v1/plugins/{agent}/enable"),
        ("POST", "/api/v1/plugins/{name}/disable") => shared("/api/v1/plugins/{agent}/disable"),
        ("POST", "/api/v1/channels/{name}/test") => shared("/api/v1/channels/{agent}/test"),
        ("POST", "/api/v1/deliveries/{id}/replay") => shared("/api/v1/deliveries/{invitation}/replay"),

        ("GET", "/api/v1/agents") => {
            op(path, Same(200)).control().add(Operator, "/api/v1/agents?after={agent}", None, Page(200))
        }
        ("POST", "/api/v1/agents") => with(path, json!({ "label": "{agent}" }), Made(201)),
        ("GET", "/api/v1/agents/{label}") => op("/api/v1/agents/{agent}", Same(404)).control(),
        ("PATCH", "/api/v1/agents/{label}") => {
            with("/api/v1/agents/{agent}", json!({ "capabilities": [] }), Same(404))
        }
        ("DELETE", "/api/v1/agents/{label}") => op("/api/v1/agents/{agent}", Same(404)),
        ("POST", "/api/v1/agents/{label}/certificates") => {
            with("/api/v1/agents/{agent}/certificates", json!({ "csr": ours.csr }), Same(404))
        }
        ("GET", "/api/v1/enrolments") => op(path, Same(200)).control().add(
            Operator,
            "/api/v1/enrolments?after={invitation}",
            None,
            Page(200),
        ),
        ("POST", "/api/v1/enrolments") => with(path, json!({ "label": "{invited}" }), Made(201)),
        ("DELETE", "/api/v1/enrolments/{id}") => op("/api/v1/enrolments/{invitation}", Same(404)),
        ("POST", "/api/v1/enrolments/pending/{id}/approve") => {
            op("/api/v1/enrolments/pending/{pending}/approve", Same(404))
        }
        ("POST", "/api/v1/enrolments/pending/{id}/reject") => {
            op("/api/v1/enrolments/pending/{pending}/reject", Same(404))
        }
        ("GET", "/api/v1/audit") => op("/api/v1/audit?target={agent}", Same(200)).add(
            Operator,
            "/api/v1/audit?actor=agent:{agent}",
            None,
            Same(200),
        ),
        ("GET", "/api/v1/audit/verify" | "/api/v1/audit/head") => return nothing_to_cross(),

        ("GET", "/api/v1/approvals") => {
            op(path, Same(200)).control().add(Operator, "/api/v1/approvals?after={approval}", None, Page(200))
        }
        ("GET", "/api/v1/approvals/{id}") => op("/api/v1/approvals/{approval}", Same(404)).control(),
        ("POST", "/api/v1/approvals/{id}/approve") => {
            person("/api/v1/approvals/{approval}/approve", None, Same(404))
        }
        ("POST", "/api/v1/approvals/{id}/reject") => {
            person("/api/v1/approvals/{approval}/reject", Some(json!({ "reason": "no" })), Same(404))
        }

        // Providers are of the host; who comes from one says so there.
        ("GET", "/api/v1/auth/providers") | ("POST", "/api/v1/auth/oidc") => return nothing_to_cross(),
        ("GET", "/api/v1/auth/identities") => person(path, None, Same(200)),
        ("GET", "/api/v1/users/{name}/identities") => op("/api/v1/users/{user}/identities", Same(404)),
        ("POST", "/api/v1/users/{name}/identities") => person(
            "/api/v1/users/{user}/identities",
            Some(json!({ "provider": "idp", "subject": "somebody" })),
            Same(404),
        ),
        ("DELETE", "/api/v1/users/{name}/identities/{id}") => {
            op("/api/v1/users/{user}/identities/{identity}", Same(404))
        }

        ("POST", "/api/v1/auth/login") => {
            nobody(path, json!({ "name": "{user}", "password": "a good password" }), Same(401))
        }
        ("POST", "/api/v1/auth/logout") => op(path, Same(403)),
        ("GET", "/api/v1/auth/logins") => op(path, Same(403)),
        ("DELETE", "/api/v1/auth/logins/{id}") => person("/api/v1/auth/logins/{login}", None, Same(404)),
        ("PUT", "/api/v1/auth/password") => with(path, json!({ "current": "x", "new": "x" }), Same(403)),
        ("POST", "/api/v1/auth/second-factor") => with(path, json!({ "password": "x" }), Same(403)),
        ("POST", "/api/v1/auth/second-factor/confirm") => with(path, json!({ "code": "x" }), Same(403)),
        ("POST", "/api/v1/auth/second-factor/off") => {
            with(path, json!({ "password": "x", "code": "x" }), Same(403))
        }
        ("GET", "/api/v1/auth/device") => person("/api/v1/auth/device?user_code={device}", None, Same(410)),
        ("POST", "/api/v1/auth/device/decide") => person(
            path,
            Some(json!({ "user_code": "{device}", "approve": true })),
            Same(410),
        )
        .add(Login, path, Some(json!({ "user_code": "{device}", "approve": false })), Same(410)),

        ("GET", "/api/v1/users") => {
            op(path, Same(200)).control().add(Operator, "/api/v1/users?after={user}", None, Page(200))
        }
        ("POST", "/api/v1/users") => with(path, json!({ "name": "{user}" }), Made(201)),
        ("GET", "/api/v1/users/{name}") => op("/api/v1/users/{user}", Same(404)).control(),
        ("DELETE", "/api/v1/users/{name}") => op("/api/v1/users/{user}", Same(404)),
        ("POST", "/api/v1/users/{name}/lock") => op("/api/v1/users/{user}/lock", Same(404)),
        ("POST", "/api/v1/users/{name}/unlock") => op("/api/v1/users/{user}/unlock", Same(404)),
        ("POST", "/api/v1/users/{name}/logout") => op("/api/v1/users/{user}/logout", Same(404)),
        ("PUT", "/api/v1/users/{name}/roles") => {
            with("/api/v1/users/{user}/roles", json!({ "roles": ["viewer"] }), Same(404))
        }
        ("POST", "/api/v1/users/{name}/password-link") => {
            person("/api/v1/users/{user}/password-link", None, Same(404))
        }
        ("PUT", "/api/v1/roles/{name}") => with("/api/v1/roles/{role}", json!({ "grants": [] }), Made(200)),
        ("DELETE", "/api/v1/roles/{name}") => op("/api/v1/roles/{role}", Same(404)),
        ("GET", "/api/v1/access/explain") => {
            op("/api/v1/access/explain?user={user}&action=item:read&target=host", Same(404)).control()
        }
        ("GET", "/api/v1/tokens") => op("/api/v1/tokens?all=true", Same(200)).add(
            Operator,
            "/api/v1/tokens?all=true&after={token}",
            None,
            Page(200),
        ),
        ("POST", "/api/v1/tokens") => {
            person(path, Some(json!({ "name": "x", "service": "{service}", "scope": [] })), Same(404))
        }
        ("DELETE", "/api/v1/tokens/{id}") => op("/api/v1/tokens/{token}", Same(404)),

        ("GET", "/api/tickets/scopes") => {
            op(path, Same(200)).control().add(Operator, "/api/tickets/scopes?after={scope}", None, Page(200))
        }
        ("POST", "/api/tickets/scopes") => with(path, scope(), Made(201)),
        ("PUT", "/api/tickets/scopes/{name}") => with("/api/tickets/scopes/{scope}", scope(), Same(404)),
        ("DELETE", "/api/tickets/scopes/{name}") => op("/api/tickets/scopes/{scope}", Same(404)),
        ("GET", "/api/tickets/instances") => op(path, Same(200)).control().add(
            Operator,
            "/api/tickets/instances?after={instance}",
            None,
            Page(200),
        ),
        ("POST", "/api/tickets/instances") => {
            agent(path, Some(json!({ "scope": "{capability}", "transport": transport })), Same(403))
        }
        ("DELETE", "/api/tickets/instances/{id}") => op("/api/tickets/instances/{instance}", Same(404)).add(
            Agent,
            "/api/tickets/instances/{instance}",
            None,
            Same(404),
        ),
        ("POST", "/api/tickets/instances/{id}/heartbeat") => {
            agent("/api/tickets/instances/{instance}/heartbeat", None, Same(404))
        }
        ("GET", "/api/tickets/assignments") => op(path, Same(200))
            .control()
            .add(Operator, "/api/tickets/assignments?agentLabel={target}", None, Same(200))
            .add(Operator, "/api/tickets/assignments?instanceScope={capability}:{instance}", None, Same(200)),
        ("POST", "/api/tickets/assignments") => with(
            path,
            json!({ "agentLabel": "ours-target", "instanceScope": "ours:use:{instance}" }),
            Same(404),
        )
        .add(
            Operator,
            path,
            Some(json!({ "agentLabel": "{target}", "instanceScope": format!("ours:use:{here}") })),
            Same(404),
        ),
        ("DELETE", "/api/tickets/assignments/{agent}/{instance}") => {
            op("/api/tickets/assignments/{target}/{capability}:{instance}", Same(404))
        }
        ("GET", "/api/tickets") => op(path, Same(200)).control(),
        ("POST", "/api/tickets") => agent(
            path,
            Some(json!({ "scope": "ours:use", "instanceId": "{instance}", "target": "ours-target" })),
            Same(404),
        )
        .add(
            Agent,
            path,
            Some(json!({ "scope": "ours:use", "instanceId": here, "target": "{target}" })),
            Same(404),
        )
        .add(
            Agent,
            path,
            Some(json!({ "scope": "{capability}", "instanceId": "{instance}", "target": "{target}" })),
            Same(404),
        ),
        ("GET", "/api/tickets/inbox") => agent(path, None, Same(200)),
        ("GET", "/api/tickets/approvals/{id}") => agent("/api/tickets/approvals/{approval}", None, Same(404)),
        ("POST", "/api/tickets/validate") => agent(path, Some(json!({ "ticketId": "{ticket}" })), Same(401)),
        ("DELETE", "/api/tickets/{id}") => {
            op("/api/tickets/{ticket}", Same(404)).add(Operator, "/api/tickets/{listed}", None, Same(404))
        }
        ("GET", "/api/tickets/sessions") => op(path, Same(200)).control(),
        ("POST", "/api/tickets/sessions") => {
            agent(path, Some(json!({ "ticketId": "{redeemed}" })), Same(400))
        }
        ("GET", "/api/tickets/sessions/own") => agent(path, None, Same(200)).add(
            Agent,
            "/api/tickets/sessions/own?after={session}",
            None,
            Page(200),
        ),
        ("GET", "/api/tickets/sessions/{id}") => {
            agent("/api/tickets/sessions/{session}", None, Same(404)).control()
        }
        ("PATCH", "/api/tickets/sessions/{id}") => {
            agent("/api/tickets/sessions/{session}", Some(json!({ "status": "grace" })), Same(404))
        }
        ("DELETE", "/api/tickets/sessions/{id}") => op("/api/tickets/sessions/{session}", Same(404)),
        ("POST", "/api/tickets/sessions/{id}/heartbeat") => {
            agent("/api/tickets/sessions/{session}/heartbeat", None, Same(404)).control()
        }

        ("POST", "/api/certs/agent/enroll") => {
            with(path, json!({ "label": "{agent}", "capabilities": [] }), Made(200))
        }
        ("DELETE", "/api/certs/agent/enroll/{label}") => op("/api/certs/agent/enroll/{invited}", Same(404)),
        ("POST", "/api/certs/agent/enroll-delegated") => {
            agent(path, Some(json!({ "pluginAgentLabel": "helper", "scope": "{capability}" })), Same(400))
        }
        ("POST", "/api/certs/agent/upgrade-cert") => agent(path, Some(json!({ "csr": ours.csr })), Made(200)),
        ("DELETE", "/api/certs/agent/{label}") => op("/api/certs/agent/{agent}", Same(404)),
        ("PATCH", "/api/certs/agent/{label}/capabilities") => {
            with("/api/certs/agent/{agent}/capabilities", json!({ "capabilities": [] }), Same(404))
        }
        _ => return None,
    };
    Some(asks.2)
}

fn scope() -> Value {
    json!({
        "name": "{scope}", "version": "2", "description": "of somebody else",
        "scopes": [{ "name": "{capability}", "description": "uses it", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    })
}
