//! Each credential on each plane, through the real host over TLS: what it is not for refuses it with 401, in whatever way
//! it is shown; and after it was taken back its own plane does, too.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_core::id::AccessTokenId;
use waystation_core::ticket::SessionId;
use waystation_identity::{Claims, MASTER, MasterKeys, Purpose, Site, ViewerAccess};
use waystation_tests::Folder;
use waystation_tests::agents::{Party, TlsHost};
use waystation_tests::enrolling::Machine;
use waystation_tests::owner::{OWNER, PASSWORD};

const SHELL: &str = "shell:connect";
/// So that addresses are not what is tested.
const OFTEN: &str = "[enrolment]\nattempts = 100000\n[identity]\nlogin_rate = 10000\n";

/// A credential, and how it is shown.
struct Shown {
    name: &'static str,
    /// In `Authorization`, or as the token of a body.
    text: String,
    /// On the connection.
    certificate: Option<Party>,
}

/// The planes, in the order of the table.
const PLANES: [&str; 9] =
    ["api", "audit", "metrics", "tickets", "agent", "enrol", "refresh", "link", "device"];

/// What a plane says to a credential.
async fn asked(host: &TlsHost, shown: &Shown, plane: &str) -> Result<u16> {
    let bearer = match &shown.certificate {
        Some(party) => party.clone(),
        None => host.anybody(Some(&format!("Bearer {}", shown.text)))?,
    };
    let nobody = host.anybody(None)?;
    let body = |name: &str| json!({ name: shown.text });
    let get = async |path| Ok::<_, anyhow::Error>(bearer.call("GET", path, None).await?.0);
    let post =
        async |path, body: Value| Ok::<_, anyhow::Error>(nobody.call("POST", path, Some(&body)).await?.0);
    match plane {
        "api" => get("/api/v1/users").await,
        "audit" => get("/api/v1/audit").await,
        "metrics" => Ok(bearer.text("GET", "/metrics", "", "").await?.0),
        // For users and agents: an agent without the scope is known, and may not (403).
        "tickets" => get("/api/tickets/scopes").await,
        "agent" => get("/api/tickets/inbox").await,
        "enrol" => post("/api/enroll", json!({ "token": shown.text, "csr": Machine::new()?.csr()? })).await,
        "refresh" => post("/api/v1/auth/refresh", body("refresh_token")).await,
        "link" => post("/api/v1/auth/link", body("link")).await,
        "device" => {
            let form = "content-type: application/x-www-form-urlencoded\r\n";
            let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
            let body = format!("grant_type={grant}&device_code={}", shown.text);
            Ok(nobody.raw("POST", "/api/v1/auth/device/token", form, &body).await?.0)
        }
        other => anyhow::bail!("{other} is no plane"),
    }
}

async fn table(host: &TlsHost, all: &[Shown]) -> Result<String> {
    let mut table = format!("{:<12}", "");
    for plane in PLANES {
        write!(table, "{plane:>9}")?;
    }
    for shown in all {
        write!(table, "\n{:<12}", shown.name)?;
        for plane in PLANES {
            write!(table, "{:>9}", asked(host, shown, plane).await?)?;
        }
    }
    Ok(table)
}

async fn login(host: &TlsHost) -> Result<(String, String)> {
    let body = json!({ "name": OWNER, "password": PASSWORD });
    let (status, told) = host.anybody(None)?.call("POST", "/api/v1/auth/login", Some(&body)).await?;
    ensure!(status == 200, "{status} {told}");
    let text = |name: &str| told[name].as_str().map(str::to_owned).context("no token");
    Ok((text("access_token")?, text("refresh_token")?))
}

/// A token to view a session, signed with the key of this very host.
fn viewer(folder: &Folder, access: &str) -> Result<String> {
    let claims = access.split('.').nth(1).context("no token")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    let text = |name: &str| claims[name].as_str().context("no claim");
    let mut key = [0; MASTER];
    hex::decode_to_slice(std::fs::read_to_string(folder.data().join("identity-key"))?.trim(), &mut key)?;
    let now = Timestamp::now();
    let keys = MasterKeys::new(&key, &[], now)?;
    let site = Site { issuer: text("iss")?, audience: text("aud")? };
    let who = (text("tenant")?.parse()?, text("sub")?.parse()?, text("sid")?.parse()?);
    let of = |purpose| Claims::new(AccessTokenId::new(now, &[7; 10]), who.clone(), purpose, now);
    let session = SessionId::new([7; 16]);
    // It is the host's key: with another purpose this would be a way in.
    let good = keys.ring().sign(&site, &of(Purpose::Access))?;
    ensure!(good.starts_with(access.split('.').next().context("no head")?), "another key");
    Ok(keys.ring().sign(&site, &of(Purpose::Viewer { session, access: ViewerAccess::Control }))?)
}

/// All there are, fresh.
async fn credentials(host: &TlsHost, folder: &Folder, round: usize) -> Result<Vec<Shown>> {
    let operator = host.operator()?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let shown = |name, text| Shown { name, text, certificate: None };
    let (access, refresh) = login(host).await?;
    let as_person = host.anybody(Some(&format!("Bearer {access}")))?;
    let body = json!({ "name": format!("ci{round}"), "scope": [{ "actions": ["*:*"] }] });
    let api = as_person.call("POST", "/api/v1/tokens", Some(&body)).await?.1;
    let (enrolment, _) = host.invite(&json!({ "label": format!("new{round}"), "uses": 100 })).await?;
    let (token, _) =
        host.invite(&json!({ "label": format!("keyed{round}"), "capabilities": [SHELL] })).await?;
    let body = json!({ "token": token, "key": true });
    let key = host.anybody(None)?.call("POST", "/api/enroll", Some(&body)).await?.1;
    let certified = host.enrol(&format!("certified{round}"), &[SHELL]).await?;
    let target = host.enrol(&format!("target{round}"), &[SHELL]).await?;
    let added = operator
        .call("POST", "/api/v1/users", Some(&json!({ "name": format!("ann{round}"), "roles": [] })))
        .await?;
    let device = host.anybody(None)?.call("POST", "/api/v1/auth/device", Some(&json!({}))).await?.1;

    let transport = json!({ "transport": { "strategies": ["relay"], "preferred": "relay" }, "scope": SHELL });
    let instance = certified.call("POST", "/api/tickets/instances", Some(&transport)).await?.1;
    let instance = text(&instance["instanceId"])?;
    let assign =
        json!({ "agentLabel": format!("target{round}"), "instanceScope": format!("{SHELL}:{instance}") });
    let (status, told) = operator.call("POST", "/api/tickets/assignments", Some(&assign)).await?;
    ensure!(status == 201, "{status} {told}");
    let ask = json!({ "scope": SHELL, "instanceId": instance, "target": format!("target{round}") });
    let (status, told) = certified.call("POST", "/api/tickets", Some(&ask)).await?;
    ensure!(status == 201, "{status} {told}");
    let ticket = text(&told["ticket"]["id"])?;
    drop(target);
    Ok(vec![
        shown("session", access.clone()),
        shown("api token", text(&api["token"])?),
        shown("enrolment", enrolment),
        shown("agent key", text(&key["key"])?),
        Shown { name: "certificate", text: String::new(), certificate: Some(certified) },
        shown("viewer", viewer(folder, &access)?),
        shown("ticket", ticket),
        shown("refresh", refresh),
        shown("link", text(&added.1["password_link"]["link"])?),
        shown("device", text(&device["device_code"])?),
    ])
}

/// The status of each pair. 403 and 400 below `tickets` and `agent`: known, and not who does this there. 200 below `enrol`: it
/// is an agent now; 400: the certificate is no token of a body. 400 below `device`: it waits (RFC 8628), or is over; the test
/// of devices tells them apart.
const GOOD: &str = "
                  api    audit  metrics  tickets    agent    enrol  refresh     link   device
session           200      200      200      200      400      401      401      410      400
api token         200      200      200      200      400      401      401      410      400
enrolment         401      401      401      401      401      200      401      410      400
agent key         401      401      401      403      200      401      401      410      400
certificate       401      401      401      403      200      400      401      410      400
viewer            401      401      401      401      401      401      401      410      400
ticket            401      401      401      401      401      401      401      410      400
refresh           401      401      401      401      401      401      200      410      400
link              401      401      401      401      401      401      401      200      400
device            401      401      401      401      401      401      401      410      400";

#[tokio::test]
async fn a_credential_is_good_on_its_own_plane_alone() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let scope = json!({
        "name": "shell", "version": "1.0.0", "description": "Shells",
        "scopes": [{ "name": SHELL, "description": "Opens one", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    });
    ensure!(host.operator()?.call("POST", "/api/tickets/scopes", Some(&scope)).await?.0 == 201);
    let all = credentials(&host, &folder, 1).await?;
    let found = table(&host, &all).await?;
    assert_eq!(found, GOOD.trim_start_matches('\n'), "\n{found}");

    // Taken back, each in its way: from then on its own plane refuses it.
    let all = credentials(&host, &folder, 2).await?;
    let of = |name: &str| all.iter().find(|one| one.name == name).context("no such credential");
    let planes = [
        ("session", "api"),
        ("api token", "api"),
        ("enrolment", "enrol"),
        ("agent key", "agent"),
        ("refresh", "refresh"),
        ("link", "link"),
    ];
    let operator = host.operator()?;
    let id = async |path: &str, list: &str, name: &str| {
        let told = operator.call("GET", path, None).await?.1;
        let found = told[list]
            .as_array()
            .context("no list")?
            .iter()
            .find(|one| one["name"] == name || one["label"] == name);
        Ok::<_, anyhow::Error>(found.and_then(|one| one["id"].as_str()).context("not listed")?.to_owned())
    };
    let token = id("/api/v1/tokens?all=true", "tokens", "ci2").await?;
    let invitation = id("/api/v1/enrolments", "enrolments", "new2").await?;
    let session = host.anybody(Some(&format!("Bearer {}", of("session")?.text)))?;
    for (party, method, path) in [
        (&operator, "DELETE", format!("/api/v1/tokens/{token}")),
        (&operator, "DELETE", format!("/api/v1/enrolments/{invitation}")),
        (&operator, "DELETE", "/api/v1/agents/keyed2".to_owned()),
        (&operator, "DELETE", "/api/v1/agents/certified2".to_owned()),
        (&operator, "POST", "/api/v1/users/ann2/lock".to_owned()),
        (&session, "POST", "/api/v1/auth/logout".to_owned()),
    ] {
        let body = (method == "POST").then(|| json!({}));
        let (status, told) = party.call(method, &path, body.as_ref()).await?;
        assert!(status < 300, "{method} {path}: {status} {told}");
    }
    for (name, plane) in planes {
        let gone = if plane == "link" { 410 } else { 401 };
        assert_eq!(asked(&host, of(name)?, plane).await?, gone, "{name}");
    }
    let ended = asked(&host, of("certificate")?, "agent").await.unwrap_err();
    assert!(ended.to_string().contains("CertificateRevoked"), "{ended}");
    Ok(())
}
