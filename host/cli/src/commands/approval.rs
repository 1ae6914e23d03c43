//! `waystation approval`

use serde_json::json;
use waystation_server::api::approvals::{ApprovalPage, ApprovalView};

use crate::args::{Approval, Global};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Approval) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Approval::List { state, all, scope, source, target, most } => {
            let state = if *all { None } else { Some(state.as_str()) };
            let wanted = [
                ("state", state),
                ("scope", scope.as_deref()),
                ("source", source.as_deref()),
                ("target", target.as_deref()),
            ];
            let wanted: Vec<_> = wanted.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            list(global, &client, &wanted, most.limit.unwrap_or(usize::MAX)).await
        }
        Approval::Show { id } => show(global, &client.get(&["approvals", id], &[]).await?),
        Approval::Approve { id } => {
            let done: ApprovalView = client.post(&["approvals", id, "approve"], &json!({})).await?;
            decided(global, &done)
        }
        Approval::Reject { id, reason } => {
            let body = json!({ "reason": reason });
            let done: ApprovalView = client.post(&["approvals", id, "reject"], &body).await?;
            decided(global, &done)
        }
    }
}

/// Every request that is wanted, page by page, as many as were asked for.
async fn list(global: &Global, client: &Client, wanted: &[(&str, &str)], most: usize) -> Outcome {
    let mut all: Vec<ApprovalView> = Vec::new();
    let mut after: Option<String> = None;
    while all.len() < most {
        let place = after.iter().map(|after| ("after", after.as_str()));
        let query: Vec<_> = wanted.iter().copied().chain(place).collect();
        let page: Result<ApprovalPage, Failure> = client.get(&["approvals"], &query).await;
        let page = page?;
        all.extend(page.approvals);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    all.truncate(most);
    if global.json {
        return Ok(output::json(&json!({ "approvals": all }))?);
    }
    let rows = all.into_iter().map(|one| {
        let said = format!("{} of {}", one.approved_by.len(), one.people);
        let what = format!("{}:{}", one.sub_scope, one.instance);
        [one.id, one.state, said, one.source, one.target, what, one.until.to_string()]
    });
    output::table(["ID", "STATE", "SAID YES", "SOURCE", "TARGET", "INSTANCE", "UNTIL"], rows);
    Ok(())
}

fn show(global: &Global, one: &ApprovalView) -> Outcome {
    if global.json {
        return Ok(output::json(one)?);
    }
    output::line(format!("id         {}", one.id));
    output::line(format!("state      {} since {}", one.state, one.since));
    output::line(format!("source     {}, who asked at {}", one.source, one.created_at));
    output::line(format!("target     {}, who would be admitted", one.target));
    output::line(format!("instance   {}:{}", one.sub_scope, one.instance));
    output::line(format!("until      {}", one.until));
    output::line(format!("needs      {} to say yes", one.people));
    for vote in &one.approved_by {
        output::line(format!("yes        {} at {}", vote.user, vote.at));
    }
    for hand in &one.not_by {
        output::line(format!("not        {}, who had a hand in it: {}", hand.user, hand.because.join(", ")));
    }
    if let Some(user) = &one.rejected_by {
        output::line(format!("no         {user}"));
    }
    if let Some(reason) = &one.reason {
        output::line(format!("reason     {reason}"));
    }
    Ok(())
}

fn decided(global: &Global, one: &ApprovalView) -> Outcome {
    if global.json {
        return Ok(output::json(one)?);
    }
    let said = one.approved_by.len();
    output::note(match one.state.as_str() {
        "waiting" => format!("{said} of {} said yes; it waits for more", one.people),
        "approved" => {
            format!("approved; {} gets its ticket when it asks again, until {}", one.source, one.until)
        }
        state => format!("{} is {state}", one.id),
    });
    Ok(())
}
