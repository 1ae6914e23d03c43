//! `/api/certs/agent`, as the reference API has it.

use anyhow::Result;
use serde_json::json;
use waystation_tests::agents::{Party, TlsHost};
use waystation_tests::enrolling::Machine;

use super::{OFTEN, SHELL, inbox, refused, scope, text};

#[tokio::test]
async fn the_reference_api_enrols_changes_renews_and_revokes() -> Result<()> {
    let folder = TlsHost::folder(&format!("{OFTEN}overlap = \"0s\"\n"))?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    scope(&operator).await?;
    let base = "/api/certs/agent";
    let wanted = json!({ "label": "mac", "capabilities": [SHELL, "tunnels:read"], "allowedSites": [] });
    let at = format!("{base}/enroll");
    let (status, first) = operator.call("POST", &at, Some(&wanted)).await?;
    assert_eq!((status, &first["ok"], &first["label"]), (200, &json!(true), &json!("mac")), "{first}");
    assert!(text(&first["expiresAt"]).ends_with('Z'));
    let (_, second) = operator.call("POST", &at, Some(&wanted)).await?;
    let replaced = Machine::new()?.enrols(&host, text(&first["token"]), json!({})).await?;
    assert_eq!(refused(&replaced), (401, "Enrollment token is not known"));
    let mac = Machine::new()?;
    let told = mac.enrols(&host, text(&second["token"]), json!({})).await?;
    let agent = mac.agent(&host, &told)?;
    let taken = operator.call("POST", &at, Some(&wanted)).await?;
    assert_eq!(refused(&taken), (409, "Agent \"mac\" is already enrolled"));
    for (body, path) in [
        (json!({}), r#"["label"] ["capabilities"]"#),
        (json!({ "label": "Mac", "capabilities": [] }), r#"["label"]"#),
        (json!({ "label": "x".repeat(51), "capabilities": [] }), r#"["label"]"#),
        (json!({ "label": "a", "capabilities": ["x", 1] }), r#"["capabilities",0] ["capabilities",1]"#),
        (json!({ "label": "a", "capabilities": "all" }), r#"["capabilities"]"#),
    ] {
        let (status, told) = operator.call("POST", &at, Some(&body)).await?;
        let issues = told["details"]["issues"].as_array().unwrap().iter();
        let paths: Vec<String> = issues.map(|issue| issue["path"].to_string()).collect();
        assert_eq!((status, paths.join(" ").as_str()), (400, path), "{told}");
    }
    let (_, other) = operator.call("POST", &at, Some(&json!({ "label": "pc", "capabilities": [] }))).await?;
    let drop = format!("{base}/enroll/pc");
    assert_eq!(operator.call("DELETE", &drop, None).await?, (200, json!({ "ok": true })));
    assert_eq!(operator.call("DELETE", &drop, None).await?.0, 404);
    assert_eq!(Machine::new()?.enrols(&host, text(&other["token"]), json!({})).await?.0, 401);

    // Delegated: by the owner of a live instance, for its scope, and while it is not revoked.
    let delegate = async |party: &Party, short: &str, scope: &str| {
        let body = json!({ "pluginAgentLabel": short, "scope": scope });
        party.call("POST", &format!("{base}/enroll-delegated"), Some(&body)).await
    };
    let insufficient = (403, "Insufficient delegation authority");
    assert_eq!(refused(&delegate(&agent, "helper", SHELL).await?), insufficient);
    let register = json!({ "scope": SHELL, "transport": { "strategies": ["relay"] } });
    assert_eq!(agent.call("POST", "/api/tickets/instances", Some(&register)).await?.0, 201);
    assert_eq!(delegate(&agent, "helper", "tunnels:read").await?.0, 400);
    assert_eq!(delegate(&agent, "-helper", SHELL).await?.0, 400);
    assert_eq!(delegate(&agent, "Helper", SHELL).await?.0, 400);
    let by_admin = delegate(&operator, "helper", SHELL).await?;
    assert_eq!(refused(&by_admin), (403, "Agent label not found in certificate"));
    let (status, told) = delegate(&agent, "helper", SHELL).await?;
    assert_eq!((status, &told["pluginAgentLabel"]), (200, &json!("helper")), "{told}");
    let helper = Machine::new()?;
    let enrolled = helper.enrols(&host, text(&told["enrollmentToken"]), json!({})).await?;
    assert_eq!(enrolled.1["label"], "plugin-agent:mac:helper");
    let helper = helper.agent(&host, &enrolled)?;
    let nested = delegate(&helper, "more", SHELL).await?;
    assert_eq!(refused(&nested), (403, "Plugin agents cannot delegate enrollment"));
    assert_eq!(delegate(&agent, "helper", SHELL).await?.0, 409);
    let (_, later) = delegate(&agent, "later", SHELL).await?;

    // Only operators make and change; and nobody without a credential does anything.
    let open = host.anybody(None)?;
    let capabilities = json!({ "capabilities": [SHELL] });
    for (method, path, body) in [
        ("POST", at.clone(), Some(&wanted)),
        ("DELETE", format!("{base}/enroll/mac"), None),
        ("PATCH", format!("{base}/mac/capabilities"), Some(&capabilities)),
        ("DELETE", format!("{base}/mac"), None),
    ] {
        let told = agent.call(method, &path, body).await?;
        assert_eq!(refused(&told), (403, "Insufficient certificate scope"), "{method} {path}");
        assert_eq!(refused(&open.call(method, &path, body).await?), (403, "mTLS certificate required"));
    }
    let at = format!("{base}/plugin-agent%3Amac%3Ahelper/capabilities");
    let (status, told) = operator.call("PATCH", &at, Some(&capabilities)).await?;
    assert_eq!((status, &told["label"]), (200, &json!("plugin-agent:mac:helper")), "{told}");
    assert_eq!(told["capabilities"], json!([SHELL]));
    for (label, status) in [("nobody", 404), ("-x", 400), ("Mac", 400), ("agent%3Amac", 404)] {
        let at = format!("{base}/{label}/capabilities");
        assert_eq!(operator.call("PATCH", &at, Some(&capabilities)).await?.0, status, "{label}");
    }

    // Renewed by the agent itself; without an overlap the certificate before it is refused at once.
    let renew = format!("{base}/upgrade-cert");
    let csr = json!({ "csr": mac.csr()? });
    assert_eq!(refused(&operator.call("POST", &renew, Some(&csr)).await?), (400, "Agent label required"));
    assert_eq!(agent.call("POST", &renew, Some(&json!({ "csr": "x" }))).await?.0, 400);
    assert_eq!(agent.call("POST", &renew, Some(&json!({}))).await?.0, 400);
    let renewed = agent.call("POST", &renew, Some(&csr)).await?;
    assert_eq!((renewed.0, &renewed.1["label"]), (200, &json!("mac")), "{renewed:?}");
    let fresh = mac.agent(&host, &renewed)?;
    assert_eq!(inbox(&fresh).await?, 200);
    assert!(inbox(&agent).await.is_err(), "the certificate before it");

    // Revoked, with all that it enrolled, and with what it could still enrol.
    let gone = operator.call("DELETE", &format!("{base}/mac"), None).await?;
    assert_eq!(gone, (200, json!({ "ok": true, "label": "mac" })));
    assert_eq!(operator.call("DELETE", &format!("{base}/mac"), None).await?.0, 404);
    for party in [&fresh, &helper] {
        assert!(inbox(party).await.is_err());
    }
    let late = Machine::new()?.enrols(&host, text(&later["enrollmentToken"]), json!({})).await?;
    assert_eq!(refused(&late), (401, "Enrollment token is not known"));
    let (_, told) = operator.call("GET", "/api/v1/audit/verify", None).await?;
    assert_eq!(told["whole"], json!(true));
    for path in ["", "/", "/nothing/here", "/enroll/a/b"] {
        assert_eq!(operator.call("GET", &format!("{base}{path}"), None).await?.0, 404, "{path}");
    }
    Ok(())
}
