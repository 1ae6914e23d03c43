//! `waystation scope`, `instance`, `assign`, `ticket`, `session`

use std::path::Path;

use serde_json::{Value, json};

use crate::args::{Assign, Global, Instance, Most, Scope, Session, Ticket};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::{files, output};

/// The most bytes of a scope that are sent; the host takes fewer.
const MAX_SCOPE: usize = 1 << 20;

pub(crate) async fn scope(global: &Global, command: &Scope) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Scope::List { most } => {
            let rows = all(&client, "scopes", &[], most, |_| true).await?;
            let row = |scope: &Value| {
                let subs = scope["scopes"].as_array().into_iter().flatten().map(|sub| text(&sub["name"]));
                let people = scope["approval"]["people"].as_u64().map_or_else(String::new, |n| n.to_string());
                [text(&scope["name"]), text(&scope["version"]), people, subs.collect::<Vec<_>>().join(" ")]
            };
            show(global, "scopes", ["SCOPE", "VERSION", "APPROVED BY", "SUB-SCOPES"], &rows, row)
        }
        Scope::Register { file } => {
            let spec = spec(file)?;
            let told = client.tickets_post(&["scopes"], &spec).await?;
            done(global, &told, || format!("{} is registered", text(&spec["name"])))
        }
        Scope::Update { file } => {
            let spec = spec(file)?;
            let name = text(&spec["name"]);
            let told = client.tickets_put(&["scopes", &name], &spec).await?;
            done(global, &told, || format!("{name} is now {}", text(&spec["version"])))
        }
        Scope::Remove { name } => {
            let told = client.tickets_delete(&["scopes", name]).await?;
            done(global, &told, || format!("removed {name}"))
        }
    }
}

fn spec(file: &Path) -> Result<Value, Failure> {
    let wrong =
        |what: String| Failure::new(Exit::Failed, format!("{}: {what}", file.display())).code("bad-argument");
    let read: Value = serde_json::from_str(&files::text(file, MAX_SCOPE)?)
        .map_err(|e| wrong(format!("it is not JSON: {e}")))?;
    match read["name"].as_str() {
        Some(name) if !name.is_empty() => Ok(read),
        _ => Err(wrong("a scope is an object with a `name`".into())),
    }
}

pub(crate) async fn instance(global: &Global, command: &Instance) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Instance::List { most } => {
            let rows = all(&client, "instances", &[], most, |_| true).await?;
            let row = |one: &Value| {
                let name = format!("{}:{}", text(&one["scope"]), text(&one["instanceId"]));
                [name, text(&one["agentLabel"]), text(&one["status"]), text(&one["lastHeartbeat"])]
            };
            show(global, "instances", ["INSTANCE", "AGENT", "STATE", "HEARD OF"], &rows, row)
        }
        Instance::Remove { id } => {
            let bare = id.rsplit(':').next().unwrap_or(id);
            let told = client.tickets_delete(&["instances", bare]).await?;
            done(global, &told, || format!("removed {id}"))
        }
    }
}

pub(crate) async fn assign(global: &Global, command: &Assign) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Assign::List { agent, instance, most } => {
            let wanted = [("agentLabel", agent), ("instanceScope", instance)];
            let wanted: Vec<_> =
                wanted.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
            let rows = all(&client, "assignments", &wanted, most, |_| true).await?;
            let row = |one: &Value| {
                let by = text(&one["assignedByActor"]);
                [text(&one["agentLabel"]), text(&one["instanceScope"]), text(&one["assignedAt"]), by]
            };
            show(global, "assignments", ["AGENT", "INSTANCE", "SINCE", "BY"], &rows, row)
        }
        Assign::Add { agent, instance } => {
            let body = json!({ "agentLabel": agent, "instanceScope": instance });
            let told = client.tickets_post(&["assignments"], &body).await?;
            done(global, &told, || format!("{agent} may get tickets to {instance}"))
        }
        Assign::Remove { agent, instance } => {
            let told = client.tickets_delete(&["assignments", agent, instance]).await?;
            done(global, &told, || format!("{agent} gets no more tickets to {instance}"))
        }
    }
}

pub(crate) async fn ticket(global: &Global, command: &Ticket) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Ticket::List { pending, most } => {
            let wanted = |one: &Value| !pending || one["state"] == "pending";
            let rows = all(&client, "", &[], most, wanted).await?;
            let row = |one: &Value| {
                let what = format!("{}:{}", text(&one["scope"]), text(&one["instanceId"]));
                let (source, target) = (text(&one["source"]), text(&one["target"]));
                [text(&one["id"]), text(&one["state"]), source, target, what]
            };
            show(global, "tickets", ["TICKET", "STATE", "SOURCE", "TARGET", "INSTANCE"], &rows, row)
        }
        Ticket::Revoke { id } => {
            let told = client.tickets_delete(&[id]).await?;
            done(global, &told, || format!("revoked {id}"))
        }
    }
}

pub(crate) async fn session(global: &Global, command: &Session) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Session::List { open, most } => {
            let wanted = |one: &Value| !open || one["status"] != "dead";
            let rows = all(&client, "sessions", &[], most, wanted).await?;
            let row = |one: &Value| {
                let state = match one["reason"].as_str() {
                    Some(reason) => format!("over: {reason}"),
                    None => text(&one["status"]),
                };
                let (source, target) = (text(&one["source"]), text(&one["target"]));
                [text(&one["sessionId"]), state, source, target, text(&one["lastActivityAt"])]
            };
            show(global, "sessions", ["SESSION", "STATE", "SOURCE", "TARGET", "HEARD OF"], &rows, row)
        }
        Session::End { id } => {
            let told = client.tickets_delete(&["sessions", id]).await?;
            done(global, &told, || format!("ended {id}"))
        }
    }
}

/// Every entry of a list that is wanted, page by page, as many as were asked for.
async fn all(
    client: &Client,
    list: &str,
    query: &[(&str, &str)],
    most: &Most,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Vec<Value>, Failure> {
    let most = most.limit.unwrap_or(usize::MAX);
    let (path, key): (&[&str], _) = if list.is_empty() { (&[], "tickets") } else { (&[list], list) };
    let (mut rows, mut after): (Vec<Value>, Option<String>) = (Vec::new(), None);
    while rows.len() < most {
        let place = after.iter().map(|after| ("after", after.as_str()));
        let query: Vec<_> = query.iter().copied().chain(place).collect();
        let mut page = client.tickets_get(path, &query).await?;
        let found = page.get_mut(key).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        rows.extend(found.into_iter().filter(|row| wanted(row)));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    rows.truncate(most);
    Ok(rows)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn show<const N: usize>(
    global: &Global,
    key: &str,
    headings: [&str; N],
    rows: &[Value],
    row: impl Fn(&Value) -> [String; N],
) -> Outcome {
    if global.json {
        return Ok(output::json(&json!({ key: rows }))?);
    }
    output::table(headings, rows.iter().map(row));
    Ok(())
}

fn done(global: &Global, told: &Value, sentence: impl FnOnce() -> String) -> Outcome {
    if global.json {
        return Ok(output::json(told)?);
    }
    output::note(sentence());
    Ok(())
}
