//! `waystation delivery`

use serde_json::json;
use waystation_server::api::deliveries::{DeliveryList, DeliveryView, Replayed, ReplayedAll};

use crate::args::{Delivery, Global};
use crate::client::Client;
use crate::exit::Outcome;
use crate::output;

pub(crate) async fn run(global: &Global, command: &Delivery) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Delivery::List { dead } => list(global, &client, *dead).await,
        // The arguments are one or the other.
        Delivery::Replay { id: Some(id), .. } => replay(global, &client, id).await,
        Delivery::Replay { id: None, .. } => replay_all(global, &client).await,
    }
}

async fn list(global: &Global, client: &Client, dead: bool) -> Outcome {
    let query: &[_] = if dead { &[("state", "dead")] } else { &[] };
    let list: DeliveryList = client.get(&["deliveries"], query).await?;
    if global.json {
        return Ok(output::json(&list)?);
    }
    output::table(
        ["DELIVERY", "CHANNEL", "EVENT", "STATE", "ATTEMPTS", ""],
        list.deliveries.into_iter().map(row),
    );
    Ok(())
}

fn row(message: DeliveryView) -> [String; 6] {
    let at = message.at.strftime("%F %T");
    let note = match (message.state.as_str(), message.error) {
        ("delivered", _) => {
            format!("{at}{}", message.receipt.map(|id| format!(", as {id}")).unwrap_or_default())
        }
        ("pending", Some(error)) => format!("again at {at}: {}", output::short(&error, 90)),
        ("pending", None) => String::new(),
        (_, Some(error)) => output::short(&error, 90),
        (_, None) => String::new(),
    };
    let event = format!("{} {}", message.event.kind, message.event.subject);
    [message.id, message.channel, event, message.state, message.attempts.to_string(), note]
}

async fn replay(global: &Global, client: &Client, id: &str) -> Outcome {
    let replayed: Replayed = client.post(&["deliveries", id, "replay"], &json!({})).await?;
    if global.json {
        return Ok(output::json(&replayed)?);
    }
    output::note(format!("{} is sent to {} again", replayed.id, replayed.channel));
    Ok(())
}

async fn replay_all(global: &Global, client: &Client) -> Outcome {
    let all: ReplayedAll = client.post(&["deliveries", "replay"], &json!({})).await?;
    if global.json {
        return Ok(output::json(&all)?);
    }
    output::note(format!("{} messages are sent again", all.replayed));
    Ok(())
}
