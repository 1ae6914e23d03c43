//! `waystation audit`

use serde_json::json;
use waystation_server::api::audit::{AuditPage, AuditState};

use crate::args::{Audit, Global};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Audit) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Audit::List { actor, action, target, after } => {
            let wanted = [("actor", actor), ("action", action), ("target", target)];
            let wanted: Vec<_> =
                wanted.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
            list(global, &client, &wanted, *after).await
        }
        Audit::Verify => verify(global, &client).await,
    }
}

/// Every row, page by page, as it comes.
async fn list(global: &Global, client: &Client, wanted: &[(&str, &str)], after: Option<u64>) -> Outcome {
    let mut after = after;
    loop {
        let number = after.map(|after| after.to_string());
        let place = number.iter().map(|number| ("after", number.as_str()));
        let query: Vec<_> = wanted.iter().copied().chain(place).collect();
        let page: AuditPage = client.get(&["audit"], &query).await?;
        for row in &page.rows {
            if global.json {
                output::json_line(row)?;
            } else {
                output::line(format!(
                    "{:>8} {:<27} {:<20} {:<20} {:<12} {}",
                    row.seq, row.at, row.actor, row.action, row.outcome, row.target
                ));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn verify(global: &Global, client: &Client) -> Outcome {
    let state: AuditState = client.get(&["audit", "verify"], &[]).await?;
    if global.json {
        output::json(&json!(state))?;
    } else {
        output::line(format!("row {} {}", state.head, state.hash));
    }
    match state.broken {
        None => {
            output::note("every row is what it was");
            Ok(())
        }
        Some(broken) => {
            let hint = "compare with a hash that was kept elsewhere, and with a backup";
            Err(Failure::new(Exit::Failed, format!("the record does not hold: {broken}"))
                .code("audit-broken")
                .hint(hint))
        }
    }
}
