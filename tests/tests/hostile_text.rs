//! Text that would do harm in a statement, a path or a terminal is only text, in both databases.

use std::collections::BTreeSet;

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::{documents, item};
use waystation_tests::{Database, Folder, Host, Reply, StandIn};

const HOSTILE: [&str; 9] = [
    "'; DROP TABLE items; --",
    "x'); DELETE FROM events; --",
    "\" OR \"1\"=\"1",
    "' UNION SELECT value FROM kv --",
    "% _ \\ $1 ?1 :name @name",
    "*/ 1; PRAGMA writable_schema = 1; /*",
    "../../etc/passwd",
    "{{7*7}} ${7*7} <script>alert(1)</script>",
    "ä 🚉 \u{202e}\u{10ffff}",
];

/// With one step of the path or one value of the query, as a browser would write it.
fn path(before: &str, text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/v1/{before}{escaped}")
}

fn names(items: &Value) -> BTreeSet<String> {
    list(items, "items").iter().map(|item| text(item, "name").to_owned()).collect()
}

async fn only_text(folder: &Folder, site: &StandIn) -> Result<()> {
    let host = Host::start(folder).await?;
    let api = &host.api;
    let bystander = api.checked("bystander").await?;
    let mut expected = BTreeSet::from(["bystander".to_owned()]);
    for (n, odd) in HOSTILE.into_iter().enumerate() {
        // Where a name, a number or a cursor belongs it is refused.
        for request in [
            api.request(Method::GET, &path("items/", odd)),
            api.request(Method::DELETE, &path("items/", odd)),
            api.request(Method::GET, &path("items?after=", odd)),
            api.request(Method::GET, &path("items?limit=", odd)),
            api.request(Method::GET, &path("events?after=", odd)),
            api.request(Method::GET, &path("plugins/", odd)),
            api.request(Method::POST, &path("plugins/", &format!("{odd}/enable"))),
            api.request(Method::POST, &path("deliveries/", &format!("{odd}/replay"))),
            api.request(Method::POST, "/api/v1/checks").json(&json!({ "items": [odd] })),
            api.request(Method::POST, "/api/v1/items").json(&json!({ "name": odd, "source": "documents" })),
            api.request(Method::POST, "/api/v1/items")
                .json(&json!({ "name": "x", "source": odd, "locator": "x" })),
            api.request(Method::POST, "/api/v1/items").json(&json!({
                "name": "x", "source": "documents", "locator": "x", "options": { "versions": "$", odd: "" }
            })),
        ] {
            let shown = format!("{request:?}");
            let answer = api.send(request).await?;
            assert!((400..500).contains(&answer.status), "{shown}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{shown}: {answer:?}");
        }
        // Where text belongs it is kept as it is.
        let name = format!("item-{n}");
        let new = json!({
            "name": name, "source": "documents", "locator": odd, "scheme": "semver",
            "options": { "versions": odd }, "installed": { "manager": "cargo", "version": odd },
        });
        api.post("/api/v1/items", &new).await?;
        api.checked(&name).await?;
        let kept = api.item(&name).await?;
        assert_eq!((&kept["locator"], &kept["options"]), (&new["locator"], &new["options"]), "{kept}");
        assert_eq!(kept["installed"][0]["version"], odd, "{kept}");
        expected.insert(name);
    }
    // From a remote it comes as versions.
    site.on("/v", Reply::json(&json!([HOSTILE.as_slice(), &["1.0.0", "1.1.0"]].concat())));
    let checked = &api.check(&["bystander"]).await?["bystander"];
    assert_eq!((text(checked, "latest"), &checked["id"]), ("1.1.0", &bystander["id"]), "{checked}");

    assert_eq!(names(&api.get("/api/v1/items").await?), expected);
    let events = api.events(0).await?;
    assert_eq!(events.iter().filter(|e| text(e, "type") == "item.added").count(), expected.len());
    // Nothing of it acts on a terminal.
    let shown = folder.run(&["item", "list"]).await?;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(!shown.stdout.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{shown:?}");
    host.stop().await
}

async fn with_site(url: Option<&str>) -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder =
        Folder::new(&format!("{}{}", documents(&[&site.origin()])?, item("bystander", &site.url("/v"))))?;
    let folder = match url {
        Some(url) => folder.env("WAYSTATION_DATABASE_URL", url),
        None => folder,
    };
    only_text(&folder, &site).await
}

#[tokio::test]
async fn hostile_text_is_only_text_in_sqlite() -> Result<()> {
    with_site(None).await
}

#[tokio::test]
async fn hostile_text_is_only_text_in_postgres() -> Result<()> {
    let database = Database::make("text").await?;
    let result = with_site(Some(&database.url())).await;
    database.remove().await?;
    result
}
