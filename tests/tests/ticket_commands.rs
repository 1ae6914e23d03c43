//! `waystation scope`, `instance`, `assign`, `ticket` and `session`, beside agents that admit each other.
#![allow(clippy::unwrap_used, reason = "tests")]

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::agents::TlsHost;
use waystation_tests::api::list;
use waystation_tests::pair::{Pair, SHELL, scope, text};
use waystation_tests::until;

#[tokio::test]
async fn an_operator_sees_and_ends_what_agents_do() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let pair = Pair::new(TlsHost::start(&folder).await?).await?;
    let run = async |args: &[&str]| folder.run(args).await;
    let ask = async |args: &[&str]| -> Result<Value> {
        let ran = folder.run(&[args, &["--json"]].concat()).await?;
        anyhow::ensure!(ran.code == 0, "{args:?}: {ran:?}");
        ran.json()
    };
    // A scope from a file, written anew, removed.
    let mut spec = scope();
    spec["name"] = "view".into();
    spec["scopes"][0]["name"] = "view:screen".into();
    let file = folder.path().join("view.json");
    std::fs::write(&file, spec.to_string())?;
    assert_eq!(ask(&["scope", "register", "view.json"]).await?["registered"], json!(["view:screen"]));
    let again = run(&["scope", "register", "view.json", "--json"]).await?;
    assert!(again.code == 1 && again.stderr.contains(r#""code":"conflict""#), "{again:?}");
    spec["version"] = "2.0.0".into();
    std::fs::write(&file, spec.to_string())?;
    let updated = run(&["scope", "update", "view.json"]).await?;
    assert!(updated.code == 0 && updated.stderr.contains("view is now 2.0.0"), "{updated:?}");
    let scopes = ask(&["scope", "list"]).await?;
    let scopes = list(&scopes, "scopes");
    let versions: Vec<_> = scopes.iter().map(|one| text(&one["version"])).collect();
    assert_eq!(versions, ["1.0.0", "2.0.0"]);
    spec["transport"]["port"] = 80.into();
    std::fs::write(&file, spec.to_string())?;
    let wrong = run(&["scope", "update", "view.json"]).await?;
    assert!(wrong.code == 1 && wrong.stderr.contains("transport.port: "), "{wrong:?}");
    std::fs::write(&file, "[]")?;
    let wrong = run(&["scope", "register", "view.json"]).await?;
    assert!(wrong.code == 1 && wrong.stderr.contains("(bad-argument)"), "{wrong:?}");
    assert_eq!(ask(&["scope", "remove", "view"]).await?["name"], "view");
    assert_eq!(run(&["scope", "remove", "view"]).await?.code, 6);

    // Instances and assignments.
    let at = format!("{SHELL}:{}", pair.instance);
    let shown = run(&["instance", "list"]).await?;
    assert!(shown.stdout.contains(&at) && shown.stdout.contains("active"), "{shown:?}");
    pair.host.enrol("other", &[SHELL]).await?;
    assert_eq!(ask(&["assign", "add", "other", &at]).await?["assignment"]["agentLabel"], "other");
    let nobody = run(&["assign", "add", "nobody", &at, "--json"]).await?;
    assert!(nobody.code == 6 && nobody.stderr.contains("Agent not found or revoked"), "{nobody:?}");
    assert_eq!(list(&ask(&["assign", "list"]).await?, "assignments").len(), 2);
    assert_eq!(list(&ask(&["assign", "list", "--limit", "1"]).await?, "assignments").len(), 1);
    let of = ask(&["assign", "list", "--agent", "other", "--instance", &at]).await?;
    assert_eq!(list(&of, "assignments").len(), 1);
    assert_eq!(run(&["assign", "remove", "other", &at]).await?.code, 0);
    assert_eq!(run(&["assign", "remove", "other", &at]).await?.code, 6);

    // Tickets and sessions: what is listed is enough to end them.
    let ticket = pair.ticket().await?;
    let listed = ask(&["ticket", "list", "--pending"]).await?;
    assert!(!listed.to_string().contains(&ticket), "{listed}");
    let id = text(&list(&listed, "tickets")[0]["id"]).to_owned();
    assert_eq!(run(&["ticket", "revoke", &id]).await?.code, 0);
    assert_eq!(pair.validate(&ticket).await?.0, 401);
    assert_eq!(list(&ask(&["ticket", "list", "--pending"]).await?, "tickets").len(), 0);
    assert_eq!(run(&["ticket", "revoke", &"0".repeat(64)]).await?.code, 6);
    let session = pair.admitted().await?;
    let shown = run(&["session", "list", "--open"]).await?;
    assert!(shown.stdout.contains(&session) && shown.stdout.contains("active"), "{shown:?}");
    assert_eq!(run(&["session", "end", &session]).await?.code, 0);
    let shown = run(&["session", "list"]).await?;
    assert!(shown.stdout.contains("over: admin_killed"), "{shown:?}");
    assert_eq!(list(&ask(&["session", "list", "--open"]).await?, "sessions").len(), 0);
    assert_eq!(run(&["session", "end", &"0".repeat(32)]).await?.code, 6);
    assert_eq!(run(&["session", "end", "a b"]).await?.code, 1);
    assert_eq!(run(&["instance", "remove", &at]).await?.code, 0);
    until("it is gone", async || {
        Ok(list(&ask(&["instance", "list"]).await?, "instances").is_empty().then_some(()))
    })
    .await?;
    let completions = run(&["completions", "bash"]).await?;
    for word in ["waystation__subcmd__scope", "waystation__subcmd__session__subcmd__end"] {
        assert!(completions.stdout.contains(word), "{word}");
    }
    Ok(())
}
