//! `waystation item`

use serde::Deserialize;
use serde_json::{Value, json};
use waystation_server::api::views::{InstalledView, ItemView};

use crate::args::{Global, Item, ItemAdd};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Item) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Item::Add(new) => add(global, &client, new).await,
        Item::List { outdated } => list(global, &client, *outdated).await,
        Item::Show { name } => show(global, &client, name).await,
        Item::Remove { name } => client.delete(&["items", name]).await,
    }
}

async fn add(global: &Global, client: &Client, new: &ItemAdd) -> Outcome {
    let body = json!({
        "name": new.name,
        "source": new.source,
        "locator": new.locator.as_ref().unwrap_or(&new.name),
        "scheme": new.scheme,
        "options": object("--options", new.options.as_deref())?,
        "policy": object("--policy", new.policy.as_deref())?,
        "installed": new.installed.as_ref().map(|version| json!({ "manager": new.manager, "version": version })),
    });
    let item: ItemView = client.post(&["items"], &body).await?;
    if global.json {
        return Ok(output::json(&item)?);
    }
    output::note(format!(
        "{} is watched through {}; see it with `waystation check {}`",
        item.name, item.source, item.name
    ));
    Ok(())
}

fn object(argument: &str, text: Option<&str>) -> Result<Value, Failure> {
    match text.map(serde_json::from_str) {
        None => Ok(json!({})),
        Some(Ok(value @ Value::Object(_))) => Ok(value),
        Some(Ok(_)) => {
            Err(Failure::new(Exit::Failed, format!("{argument} must be a JSON object")).code("bad-argument"))
        }
        Some(Err(e)) => {
            Err(Failure::new(Exit::Failed, format!("{argument} is not JSON: {e}")).code("bad-argument"))
        }
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<ItemView>,
    next: Option<String>,
}

/// Every item of a host.
pub(crate) async fn all(client: &Client) -> Result<Vec<ItemView>, Failure> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("limit", "1000")];
        if let Some(after) = &after {
            query.push(("after", after));
        }
        let page: Page = client.get(&["items"], &query).await?;
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}

async fn list(global: &Global, client: &Client, outdated: bool) -> Outcome {
    let mut items = all(client).await?;
    items.retain(|item| !outdated || needs_attention(item));
    if global.json {
        return Ok(output::json(&json!({ "items": items }))?);
    }
    print(&items, false);
    Ok(())
}

/// Outdated, or not to be checked.
pub(crate) fn needs_attention(item: &ItemView) -> bool {
    item.error.is_some() || item.installed.iter().any(|at| at.standing != "current")
}

/// A row per installation, or one for an item that is installed nowhere. With
/// `brief`, items that are up to date are counted only.
pub(crate) fn print(items: &[ItemView], brief: bool) {
    let (shown, current): (Vec<&ItemView>, Vec<&ItemView>) =
        items.iter().partition(|item| !brief || needs_attention(item) || item.installed.is_empty());
    let rows = shown.iter().flat_map(|item| {
        let latest = item.latest.clone().unwrap_or_else(|| "–".into());
        let row = move |installed: &str, behind: String| {
            [item.name.clone(), item.source.clone(), installed.to_owned(), latest.clone(), behind]
        };
        let note = item.error.as_ref().map(|e| output::short(&format!("{} ({})", e.message, e.code), 90));
        if item.installed.is_empty() {
            return vec![row("–", note.unwrap_or_default())];
        }
        let rows = item.installed.iter().map(|at| {
            let behind = match (&note, at.standing.as_str()) {
                (Some(note), _) => note.clone(),
                (None, "current") => "up to date".to_owned(),
                (None, _) => at
                    .outdated_by
                    .clone()
                    .or_else(|| at.why.as_ref().map(|why| output::short(why, 90)))
                    .unwrap_or_else(|| at.standing.clone()),
            };
            row(&at.version, behind)
        });
        rows.collect()
    });
    output::table(["ITEM", "SOURCE", "INSTALLED", "LATEST", "OUTDATED BY"], rows);
    if !current.is_empty() {
        output::note(format!("{} more are up to date", current.len()));
    }
}

async fn show(global: &Global, client: &Client, name: &str) -> Outcome {
    let item: Value = client.get(&["items", name], &[]).await?;
    if global.json {
        return Ok(output::json(&item)?);
    }
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or("–").to_owned();
    for (label, key) in [
        ("name", "name"),
        ("source", "source"),
        ("locator", "locator"),
        ("scheme", "scheme"),
        ("latest", "latest"),
        ("checked", "checked_at"),
        ("next check", "next_check_at"),
    ] {
        output::line(format!("{label:<12}{}", text(key)));
    }
    if let Some(error) = item.get("error").filter(|e| !e.is_null()) {
        let part = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        output::line(format!("{:<12}{} ({})", "error", part("message"), part("code")));
    }
    // What is not allowed unless written needs no mention.
    for (label, none) in [("policy", "newest release"), ("options", "none")] {
        let mut written = item.get(label).and_then(Value::as_object).cloned().unwrap_or_default();
        written.retain(|key, value| !(key == "prereleases" && *value == Value::Bool(false)));
        let shown = if written.is_empty() { none.to_owned() } else { Value::Object(written).to_string() };
        output::line(format!("{label:<12}{shown}"));
    }
    let installed: Vec<InstalledView> =
        serde_json::from_value(item.get("installed").cloned().unwrap_or_default())?;
    if installed.is_empty() {
        output::line(format!("{:<12}nowhere", "installed"));
    } else {
        let rows = installed.into_iter().map(|at| {
            let standing = match (&at.outdated_by, &at.why) {
                (Some(gap), _) => format!("{} ({gap})", at.standing),
                (None, Some(why)) => format!("{}: {}", at.standing, output::short(why, 90)),
                (None, None) => at.standing,
            };
            [at.machine, at.version, at.manager, standing]
        });
        output::table(["INSTALLED ON", "VERSION", "THROUGH", "STANDING"], rows);
    }
    let releases = item.get("releases").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows = releases.iter().map(|release| {
        let text = |key: &str| release.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| release.get(key).and_then(Value::as_bool).unwrap_or_default();
        let marks = [("prerelease", flag("prerelease")), ("withdrawn", flag("withdrawn"))];
        let marks: Vec<&str> = marks.iter().filter(|(_, on)| *on).map(|(word, _)| *word).collect();
        let assets = release.get("assets").and_then(Value::as_array).map_or(0, Vec::len);
        [text("version"), text("published_at"), marks.join(" "), assets.to_string()]
    });
    output::table(["RELEASE", "PUBLISHED", "", "ASSETS"], rows);
    Ok(())
}
