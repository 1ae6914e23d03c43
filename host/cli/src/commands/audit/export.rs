//! `waystation audit export`

use std::io::{BufWriter, Write};
use std::path::Path;

use waystation_core::audit::export::{Closing, FORMAT, Opening};
use waystation_core::name::TenantName;
use waystation_files::{Access, Pending};
use waystation_identity::open_note;
use waystation_server::api::audit::{AuditHead, AuditPage};

use super::{continued, keys, place};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::io;
use crate::output;

/// Writes what came after `since`, or all that is kept, up to now.
pub(super) async fn run(client: &Client, output: Option<&Path>, since: Option<&Path>) -> Outcome {
    let Some(path) = output else {
        let stdout = Path::new("standard output");
        let rows = write(client, since, (&mut std::io::stdout().lock(), stdout)).await?;
        output::note(told(rows));
        return Ok(());
    };
    if path.exists() {
        let message = format!("{} is there already, and is not written over", path.display());
        return Err(Failure::new(Exit::Failed, message).code("file-exists"));
    }
    // It has its name when it is whole.
    let mut pending = Pending::new(path, Access::Private).map_err(|e| io(path, &e))?;
    let rows = write(client, since, (pending.file(), path)).await?;
    pending.keep().map_err(|e| io(path, &e))?;
    output::note(format!("{} in {}", told(rows), path.display()));
    Ok(())
}

fn told(rows: u64) -> String {
    if rows == 1 { "1 row and a signed head".to_owned() } else { format!("{rows} rows and a signed head") }
}

/// Gives the number of rows.
async fn write(
    client: &Client,
    since: Option<&Path>,
    (file, path): (&mut impl Write, &Path),
) -> Result<u64, Failure> {
    let head: AuditHead = client.get(&["audit", "head"], &[]).await?;
    let begins = match since {
        Some(since) => continued(client, &head, since).await?,
        None => (head.trimmed, head.trimmed_hash.clone()),
    };
    let mut file = BufWriter::new(file);
    let mut line = |text: String| writeln!(file, "{text}").map_err(|e| io(path, &e));
    let opening =
        Opening { format: FORMAT.to_owned(), tenant: tenant(&head)?, after: begins.0, hash: begins.1 };
    line(serde_json::to_string(&opening)?)?;
    let mut after = begins.0;
    while after < head.seq {
        let place = place(after);
        let page: AuditPage = client.get(&["audit"], &[("after", &place), ("limit", "1000")]).await?;
        let before = after;
        for row in page.rows.iter().filter(|row| row.seq <= head.seq) {
            // Rows that are too old are removed while this goes on; they are not left out silently.
            if row.seq != after + 1 {
                return Err(missing(after + 1));
            }
            line(serde_json::to_string(row)?)?;
            after = row.seq;
        }
        if after == before {
            return Err(missing(after + 1));
        }
    }
    line(serde_json::to_string(&Closing { head: head.note })?)?;
    file.flush().map_err(|e| io(path, &e))?;
    Ok(after - begins.0)
}

fn missing(seq: u64) -> Failure {
    Failure::new(Exit::Failed, format!("the host does not give row {seq}")).code("audit-broken").hint(
        "`waystation audit verify` tells whether the record holds; if it was trimmed meanwhile, export again",
    )
}

/// Whose record the host says it is.
fn tenant(head: &AuditHead) -> Result<TenantName, Failure> {
    let text = open_note(&head.note, &keys(head)?)
        .map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))?;
    let head = waystation_core::audit::Head::parse(text);
    head.map(|head| head.tenant).ok_or_else(|| {
        Failure::new(Exit::Failed, "the host's head is not understood").code("unexpected-answer")
    })
}
