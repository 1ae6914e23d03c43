//! `waystation reset`

use serde_json::json;
use waystation_server::api::reset::ResetDone;

use crate::args::Global;
use crate::client::Client;
use crate::exit::Outcome;
use crate::{output, prompt};

/// Erases all data, once it was said that it is meant.
pub(crate) async fn run(global: &Global, confirm: Option<&str>) -> Outcome {
    let client = Client::new(global)?;
    let word = match confirm {
        Some(word) => word.to_owned(),
        None => {
            output::note(
                "Items, events, scopes, instances, assignments, tickets and sessions are erased for good.",
            );
            prompt::line("Type RESET to go on")?
        }
    };
    let done: ResetDone = client.post(&["reset"], &json!({ "confirm": word })).await?;
    if global.json {
        return Ok(output::json(&done)?);
    }
    output::line(format!("erased at {}", done.reset_at));
    Ok(())
}
