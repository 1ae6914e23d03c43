//! Erasing data, with a program that was built for it; and without, through the real host.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::agents::TlsHost;
use waystation_tests::api::text;
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::settings::{documents, item};
use waystation_tests::{Folder, Host, built};

const SHELL: &str = "shell:connect";

#[tokio::test]
async fn a_host_that_was_not_built_for_it_erases_nothing() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let told = host
        .api
        .send(host.api.request(reqwest::Method::POST, "/api/v1/reset").json(&json!({ "confirm": "RESET" })))
        .await?;
    assert_eq!(told.status, 404, "{told:?}");
    assert_eq!(folder.run(&["reset", "--confirm", "RESET"]).await?.code, 2);
    host.stop().await
}

#[tokio::test]
async fn data_is_erased_by_the_owner_alone_and_agents_are_told() -> Result<()> {
    let nowhere = "http://127.0.0.1:1";
    let items = documents(&[nowhere])? + &item("kept", nowhere);
    let folder = TlsHost::folder(&items)?.with_binary(built::resetting()?);
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let scope = json!({
        "name": "shell", "version": "1.0.0", "description": "Shells",
        "scopes": [{ "name": SHELL, "description": "Opens one", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    });
    assert_eq!(operator.call("POST", "/api/tickets/scopes", Some(&scope)).await?.0, 201);
    let agent = host.enrol("mac", &[SHELL]).await?;
    let transport = json!({ "transport": { "strategies": ["relay"], "preferred": "relay" }, "scope": SHELL });
    assert_eq!(agent.call("POST", "/api/tickets/instances", Some(&transport)).await?.0, 201);
    let mut events = agent.follow("/api/tickets/inbox/stream").await?;
    events.at_once("inbox").await?;
    assert_eq!(events.at_once("ready").await?, json!({}));
    let before = operator.call("GET", "/api/v1/items/kept", None).await?.1;

    // A token is no person, whatever it may do; a person needs the permission, and the word.
    let yes = json!({ "confirm": "RESET" });
    let reset = async |party: &waystation_tests::agents::Party, body: &Value| {
        let (status, told) = party.call("POST", "/api/v1/reset", Some(body)).await?;
        Ok::<_, anyhow::Error>((status, told["code"].as_str().unwrap_or_default().to_owned()))
    };
    let is = |status, code: &str| (status, code.to_owned());
    assert_eq!(reset(&operator, &yes).await?, is(403, "login-needed"));
    assert_eq!(reset(&agent, &yes).await?.0, 401);
    assert_eq!(reset(&host.anybody(None)?, &yes).await?.0, 401);
    let login = async |name: &str, password: &str| {
        let body = json!({ "name": name, "password": password });
        let told = host.anybody(None)?.call("POST", "/api/v1/auth/login", Some(&body)).await?.1;
        host.anybody(Some(&format!("Bearer {}", text(&told, "access_token"))))
    };
    let added =
        operator.call("POST", "/api/v1/users", Some(&json!({ "name": "ann", "roles": ["admin"] }))).await?.1;
    let link = json!({ "link": added["password_link"]["link"], "password": "a good password" });
    assert_eq!(host.anybody(None)?.call("POST", "/api/v1/auth/link/use", Some(&link)).await?.0, 201);
    assert_eq!(reset(&login("ann", "a good password").await?, &yes).await?, is(403, "forbidden"));
    let owner = login(OWNER, PASSWORD).await?;
    for not in [json!({ "confirm": "reset" }), json!({ "confirm": "RESET " }), json!({ "confirm": "" })] {
        assert_eq!(reset(&owner, &not).await?, is(422, "not-confirmed"), "{not}");
    }
    for not in
        [json!({}), json!({ "confirm": true }), json!({ "confirm": "RESET", "all": true }), json!("RESET")]
    {
        assert_eq!(reset(&owner, &not).await?, is(422, "bad-body"), "{not}");
    }
    let scopes = async || Ok::<_, anyhow::Error>(operator.call("GET", "/api/tickets/scopes", None).await?.1);
    assert_eq!(scopes().await?["scopes"].as_array().unwrap().len(), 1, "nothing was erased yet");

    let ran = folder.piped(&["login", "--name", OWNER, "--password-stdin"], PASSWORD).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    std::fs::remove_file(folder.token_file())?;
    let ran = folder.run(&["reset", "--confirm", "RESET", "--json"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let at = text(&ran.json()?, "reset_at").to_owned();
    assert_eq!(events.at_once("end").await?, json!({ "reason": "data_reset" }));
    let all = scopes().await?;
    assert!(["scopes", "instances", "assignments"].iter().all(|what| all[*what] == json!([])), "{all}");
    let found = operator.call("GET", "/api/v1/items", None).await?.1;
    let names: Vec<_> =
        found["items"].as_array().unwrap().iter().map(|item| text(item, "name").to_owned()).collect();
    assert_eq!(names, ["kept"], "what the configuration says is there again");
    assert_ne!(found["items"][0]["id"], before["id"], "and is another");
    // The agent is who it was; whoever was not there hears since when nothing is left.
    let mut events = agent.follow("/api/tickets/inbox/stream").await?;
    events.at_once("inbox").await?;
    assert_eq!(text(&events.at_once("ready").await?, "resetAt"), at);
    let rows = operator.call("GET", "/api/v1/audit?action=data.reset", None).await?.1;
    assert_eq!(text(&rows["rows"][0], "actor"), format!("user:{OWNER}"), "{rows}");
    Ok(())
}
