//! `waystation audit`

mod export;
mod kept;

use std::path::{Path, PathBuf};

use serde_json::json;
use waystation_identity::NoteVerifier;
use waystation_server::api::audit::{AuditHead, AuditPage, AuditState};

use crate::args::{Audit, Global};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Audit) -> Outcome {
    let client = || Client::new(global);
    match command {
        Audit::List { actor, action, target, after } => {
            let wanted = [("actor", actor), ("action", action), ("target", target)];
            let wanted: Vec<_> =
                wanted.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
            list(global, &client()?, &wanted, *after).await
        }
        Audit::Verify { files, keys, .. } if !files.is_empty() => verify_files(global, files, keys),
        Audit::Verify { since, .. } => verify(global, &client()?, since.as_deref()).await,
        Audit::Head => head(global, &client()?).await,
        Audit::Key => key(global, &client()?).await,
        Audit::Export { output, since } => export::run(&client()?, output.as_deref(), since.as_deref()).await,
    }
}

/// A number of a row for a query.
fn place(seq: u64) -> String {
    seq.to_string()
}

/// Every row, page by page, as it comes.
async fn list(global: &Global, client: &Client, wanted: &[(&str, &str)], after: Option<u64>) -> Outcome {
    let mut after = after;
    loop {
        let number = after.map(place);
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

async fn verify(global: &Global, client: &Client, since: Option<&Path>) -> Outcome {
    if let Some(since) = since {
        let head: AuditHead = client.get(&["audit", "head"], &[]).await?;
        let (seq, _) = continued(client, &head, since).await?;
        output::note(format!("the record goes on from row {seq}, with which {} ended", since.display()));
    }
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
        Some(broken) => Err(not_whole(format!("the record does not hold: {broken}"))),
    }
}

/// Each file for itself, and that each goes on from the one before.
fn verify_files(global: &Global, files: &[PathBuf], keys: &[String]) -> Outcome {
    let keys = parsed(keys)?;
    let mut last: Option<kept::Kept> = None;
    for file in files {
        let kept = kept::read(file, &keys)?;
        let begins = kept.begins.unwrap_or((kept.head.seq, kept.head.hash));
        if let Some(last) = &last
            && (begins != (last.head.seq, last.head.hash) || kept.head.tenant != last.head.tenant)
        {
            let message = format!("{} does not go on from the file before it", file.display());
            let hint = "give every file, the oldest first";
            return Err(Failure::new(Exit::Failed, message).code("audit-gap").hint(hint));
        }
        if !global.json {
            output::line(format!(
                "{}: rows {} to {}, signed at {}",
                file.display(),
                begins.0 + 1,
                kept.head.seq,
                kept.head.at
            ));
        }
        last = Some(kept);
    }
    if global.json {
        let head = last.map(
            |kept| json!({ "seq": kept.head.seq, "hash": hex::encode(kept.head.hash), "at": kept.head.at }),
        );
        return Ok(output::json(&json!({ "whole": true, "head": head }))?);
    }
    output::note("every row is what was signed");
    Ok(())
}

async fn head(global: &Global, client: &Client) -> Outcome {
    let head: AuditHead = client.get(&["audit", "head"], &[]).await?;
    if global.json {
        return Ok(output::json(&head)?);
    }
    output::line(head.note.trim_end());
    Ok(())
}

async fn key(global: &Global, client: &Client) -> Outcome {
    let head: AuditHead = client.get(&["audit", "head"], &[]).await?;
    if global.json {
        return Ok(output::json(&json!({ "keys": head.keys }))?);
    }
    head.keys.iter().for_each(output::line);
    Ok(())
}

/// The row that a file ended with, if the record of the host still has it, as it was.
async fn continued(client: &Client, head: &AuditHead, since: &Path) -> Result<(u64, String), Failure> {
    let kept = kept::read(since, &keys(head)?)?.head;
    let (seq, hash) = (kept.seq, hex::encode(kept.hash));
    if seq < head.trimmed {
        let message = format!(
            "{} ended with row {seq}, and rows up to {} are removed by now",
            since.display(),
            head.trimmed
        );
        let hint = "export more often than rows are removed; without --since, all that is kept is exported";
        return Err(Failure::new(Exit::Failed, message).code("audit-trimmed").hint(hint));
    }
    let found = if seq == head.trimmed {
        Some(head.trimmed_hash.clone())
    } else {
        let before = place(seq.saturating_sub(1));
        let page: AuditPage = client.get(&["audit"], &[("after", &before), ("limit", "1")]).await?;
        page.rows.into_iter().next().filter(|row| row.seq == seq).map(|row| row.hash)
    };
    match found {
        Some(found) if found == hash => Ok((seq, hash)),
        Some(_) => Err(not_whole(format!("row {seq} is not the one that {} ended with", since.display()))),
        None => Err(not_whole(format!("row {seq}, with which {} ended, is missing", since.display()))),
    }
}

fn not_whole(message: String) -> Failure {
    let hint = "compare with what was kept elsewhere, and with a backup";
    Failure::new(Exit::Failed, message).code("audit-broken").hint(hint)
}

/// The keys that a host says are its own.
fn keys(head: &AuditHead) -> Result<Vec<NoteVerifier>, Failure> {
    parsed(&head.keys)
}

fn parsed(keys: &[String]) -> Result<Vec<NoteVerifier>, Failure> {
    let refused =
        |e: waystation_identity::IdentityError| Failure::new(Exit::Usage, e.to_string()).code(e.code());
    keys.iter().map(|key| key.trim().parse().map_err(refused)).collect()
}
