//! `waystation channel`

use serde_json::json;
use waystation_server::api::channels::{ChannelList, Tested};

use crate::args::{Channel, Global};
use crate::client::Client;
use crate::exit::Outcome;
use crate::output;

pub(crate) async fn run(global: &Global, command: &Channel) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Channel::List => list(global, &client).await,
        Channel::Test { name } => test(global, &client, name).await,
    }
}

async fn list(global: &Global, client: &Client) -> Outcome {
    let list: ChannelList = client.get(&["channels"], &[]).await?;
    if global.json {
        return Ok(output::json(&list)?);
    }
    let rows = list.channels.into_iter().map(|channel| {
        let events = channel.events.map_or_else(|| "all".to_owned(), |events| events.join(" "));
        [channel.name, channel.plugin, channel.status, channel.min_severity, events]
    });
    output::table(["CHANNEL", "PLUGIN", "STATUS", "FROM", "EVENTS"], rows);
    Ok(())
}

async fn test(global: &Global, client: &Client, name: &str) -> Outcome {
    let tested: Tested = client.post(&["channels", name, "test"], &json!({})).await?;
    if global.json {
        return Ok(output::json(&tested)?);
    }
    let receipt = tested.receipt.map(|receipt| format!(", as {receipt}")).unwrap_or_default();
    output::line(format!("{} took it in {}{receipt}", tested.channel, output::millis(tested.took_ms as f64)));
    Ok(())
}
