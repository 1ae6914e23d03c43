//! `waystation agent invite`, `invites`, `uninvite`, `pending`, `approve`, `reject`.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use waystation_server::api::enrolments::{
    Invitation, InvitationPage, Invited, Pending, PendingPage, SettledEnrolment,
};

use crate::args::{Global, Invite};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(crate) async fn invite(global: &Global, client: &Client, wanted: &Invite) -> Outcome {
    let mut body = json!({ "capabilities": wanted.capabilities, "approve": wanted.approve });
    if let Some(body) = body.as_object_mut() {
        let ttl = wanted.ttl.map(|ttl| ttl.as_secs());
        let more = [
            ("label", wanted.label.clone().map(Value::from)),
            ("uses", wanted.uses.map(Value::from)),
            ("ttl_s", ttl.map(Value::from)),
        ];
        body.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    let made: Invited = client.post(&["enrolments"], &body).await?;
    if global.json {
        return Ok(output::json(&made)?);
    }
    output::line(format!("token        {}", made.token));
    output::line(format!("fingerprint  {}", made.fingerprint));
    if let Some(pin) = &made.pin {
        output::line(format!("pin          {pin}"));
    }
    output::line(format!("id           {}", made.id));
    output::line(format!("until        {}", made.expires_at));
    let host = made.host.as_deref().unwrap_or("URL");
    let pin = made.pin.as_ref().map(|pin| format!(" --pin {pin}")).unwrap_or_default();
    let label = if wanted.label.is_none() { " --label LABEL" } else { "" };
    output::note(format!(
        "The token is not shown again. On the machine:\n  waystation enrol --host {host} --token {}{pin}{label} --out DIR",
        made.token
    ));
    Ok(())
}

/// All pages of a list.
async fn all<P: DeserializeOwned, T>(
    client: &Client,
    path: &[&str],
    open: impl Fn(P) -> (Vec<T>, Option<String>),
) -> Result<Vec<T>, Failure> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let query: Vec<_> = after.iter().map(|id| ("after", id.as_str())).collect();
        let (some, next) = open(client.get(path, &query).await?);
        all.extend(some);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

pub(crate) async fn invites(global: &Global, client: &Client) -> Outcome {
    let open = |page: InvitationPage| (page.enrolments, page.next);
    let found: Vec<Invitation> = all(client, &["enrolments"], open).await?;
    if global.json {
        return Ok(output::json(&json!({ "enrolments": found }))?);
    }
    let rows = found.into_iter().map(|one| {
        let label = one.label.unwrap_or_else(|| "any".to_owned());
        let used = format!("{} of {}", one.used, one.uses);
        [one.id, one.fingerprint, label, used, one.expires_at.to_string(), one.capabilities.join(" ")]
    });
    output::table(["ID", "TOKEN", "AGENT", "USED", "UNTIL", "CAPABILITIES"], rows);
    Ok(())
}

pub(crate) async fn uninvite(global: &Global, client: &Client, id: &str) -> Outcome {
    client.delete(&["enrolments", id]).await?;
    if global.json {
        return Ok(output::json(&json!({ "deleted": id }))?);
    }
    output::line(format!("{id} invites nobody any more"));
    Ok(())
}

pub(crate) async fn pending(global: &Global, client: &Client) -> Outcome {
    let open = |page: PendingPage| (page.pending, page.next);
    let found: Vec<Pending> = all(client, &["enrolments", "pending"], open).await?;
    if global.json {
        return Ok(output::json(&json!({ "pending": found }))?);
    }
    let rows = found.into_iter().map(|one| {
        let why = match one.elsewhere.as_slice() {
            [] => one.reason,
            others => format!("{}: {}", one.reason, others.join(" ")),
        };
        [one.id, one.label, one.address, why, one.expires_at.to_string()]
    });
    output::table(["ID", "AGENT", "FROM", "WHY", "UNTIL"], rows);
    Ok(())
}

pub(crate) async fn settle(global: &Global, client: &Client, id: &str, verb: &str) -> Outcome {
    let settled: SettledEnrolment = client.post(&["enrolments", "pending", id, verb], &json!({})).await?;
    if global.json {
        return Ok(output::json(&settled)?);
    }
    output::line(format!("{} is {}", settled.label, settled.state));
    Ok(())
}
