//! Tenancy: whatever another tenant has is, here, what nobody has. Every route of the description is asked with the names
//! and ids of the other tenant and with some that nobody has; both are answered alike, lists show nothing of it, and
//! what the other tenant has stays as it was. A route, or a table, that this does not know fails it.
//!
//! All of the other tenant is made through the API, as the first tenant of a host, and then handed to the tenant `other`
//! in the database: the next start finds a host that nobody owns.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod described;
mod routes;
mod rows;
mod world;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use waystation_tests::agents::{Party, TlsHost};
use waystation_tests::{Database, Folder, settings};

use routes::{Case, Expected, Plane};
use rows::Rows;
use world::{Ours, Theirs};

/// Limits that do not come between, and nothing that ends by itself meanwhile.
const PATIENT: &str = "[enrolment]\nattempts = 100000\n[identity]\nlogin_rate = 10000\nlock_after = 1000\n\
                       [tickets]\nlife = \"10m\"\nopen_within = \"1h\"\nrequests = 100000\n\
                       [identity.oidc.idp]\nissuer = \"https://idp.invalid\"\nclient_id = \"waystation\"\n";

/// Where browsers come back to, which a provider needs.
fn patient() -> Result<Folder> {
    let host = settings::HOST.replace("[server]", "[server]\npublic_url = \"https://localhost\"");
    Folder::with_text(&format!("{host}\n[server.tls]\nenabled = true\n{PATIENT}"))
}

#[tokio::test]
async fn what_another_tenant_has_is_what_nobody_has() -> Result<()> {
    let folder = patient()?;
    let file = folder.data().join("waystation.db");
    crossed(&folder, &format!("sqlite:{}", file.display())).await
}

#[tokio::test]
async fn what_another_tenant_has_is_what_nobody_has_on_postgresql() -> Result<()> {
    let database = Database::make("tenancy").await?;
    let folder = patient()?.env("WAYSTATION_DATABASE_URL", &database.url());
    let ended = crossed(&folder, &database.url()).await;
    database.remove().await?;
    ended
}

async fn crossed(folder: &Folder, url: &str) -> Result<()> {
    let mut host = TlsHost::start(folder).await?;
    described::document(&host).await?;
    let theirs = world::theirs(&host).await?;
    host.process.start_kill()?;
    host.process.wait().await?;
    let mut rows = Rows::open(url).await?;
    rows.hand_over().await?;

    let host = TlsHost::start(folder).await?;
    let ours = world::ours(&host).await?;
    let cases = all(described::document(&host).await?, &theirs, &ours)?;
    let before = rows.dump().await?;
    let mut wrong = Vec::new();
    for made in [false, true] {
        for case in cases.iter().filter(|case| matches!(case.expected, Expected::Made(_)) == made) {
            if let Err(e) = alike(&host, &theirs, &ours, case).await {
                wrong.push(format!("{}: {e:#}", case.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    silent(&theirs, &ours.source).await?;
    let after = rows.dump().await?;
    assert_eq!(before, after, "something of the other tenant changed");

    // That was no accident of names: whoever is of the other tenant finds all of it.
    let mut found = 0;
    for case in cases.iter().filter(|case| case.control) {
        let party = match case.plane {
            Plane::Operator => host.anybody(Some(&theirs.operator))?,
            Plane::Agent => host.anybody(Some(&theirs.target))?,
            _ => continue,
        };
        let (status, text) = case.asked(&party, |name| theirs.names.theirs(name)).await?;
        ensure!(status == 200, "{}: {status} {text}", case.name);
        let shown = theirs.nothing_in(&text).is_err() || case.route.ends_with("/heartbeat");
        ensure!(shown, "{}: nothing of theirs in {text}", case.name);
        described::check(&case.method, &case.route, status, &text)?;
        found += 1;
    }
    assert_eq!(found, 15);
    Ok(())
}

/// What to ask of every route.
fn all(described: &Value, theirs: &Theirs, ours: &Ours) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut unknown = Vec::new();
    for (path, methods) in described["paths"].as_object().context("no paths")? {
        for method in methods.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let method = method.to_uppercase();
            match routes::cases(&method, path, theirs, ours) {
                Some(found) => cases.extend(found),
                None => unknown.push(format!("{method} {path}")),
            }
        }
    }
    ensure!(unknown.is_empty(), "say in `routes.rs` how these are asked: {unknown:?}");
    ensure!(cases.len() > 90, "{}", cases.len());
    Ok(cases)
}

/// Asks for what is theirs and for what nobody has.
async fn alike(host: &TlsHost, theirs: &Theirs, ours: &Ours, case: &Case) -> Result<()> {
    let party = match case.plane {
        Plane::Operator => host.operator()?,
        Plane::Login => ours.login.clone(),
        Plane::Agent => ours.source.clone(),
        Plane::Nobody => host.anybody(None)?,
    };
    let plain = |text: String, names: &dyn Fn(&str) -> String| {
        case.kinds.iter().fold(text, |text, kind| text.replace(&names(kind), "·"))
    };
    let nobodys = |kind: &str| theirs.names.nobodys(kind);
    let (there, told) = case.asked(&party, |kind| theirs.names.theirs(kind)).await?;
    described::check(&case.method, &case.route, there, &told)?;
    let told = plain(told, &|kind| theirs.names.theirs(kind));
    let (nowhere, nothing) = case.asked(&party, nobodys).await?;
    let nothing = plain(nothing, &nobodys);
    match case.expected {
        Expected::Same(status) => {
            ensure!((there, nowhere) == (status, status), "{there} {told}; of nobody's {nowhere} {nothing}");
            ensure!(told == nothing, "{told}\nof nobody's {nothing}");
            theirs.nothing_in(&told)?;
        }
        Expected::Page(status) => {
            ensure!((there, nowhere) == (status, status), "{there} {told}; of nobody's {nowhere} {nothing}");
            theirs.nothing_in(&told)?;
        }
        // What is made here gets along with what has that name there.
        Expected::Made(status) => {
            ensure!((there, nowhere) == (status, status), "{there} {told}; of nobody's {nowhere} {nothing}");
        }
    }
    Ok(())
}

/// What an agent follows has nothing of the other tenant.
async fn silent(theirs: &Theirs, agent: &Party) -> Result<()> {
    let mut events = agent.follow("/api/tickets/inbox/stream").await?;
    while let Some((name, data)) = events.next().await? {
        theirs.nothing_in(&data.to_string())?;
        if name == "ready" {
            return Ok(());
        }
    }
    anyhow::bail!("the stream ended")
}
