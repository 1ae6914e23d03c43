//! `waystation events`

use http::Method;
use serde::Deserialize;
use waystation_server::api::views::EventView;

use crate::args::Global;
use crate::client::Client;
use crate::exit::Outcome;
use crate::output;

#[derive(Deserialize)]
struct Page {
    events: Vec<EventView>,
}

pub(crate) async fn run(global: &Global, follow: bool) -> Outcome {
    let client = Client::new(global)?;
    let mut page: Page = client.get(&["events"], &[]).await?;
    page.events.sort_by_key(|event| event.seq);
    for event in &page.events {
        print(global, event)?;
    }
    if !follow {
        return Ok(());
    }
    client
        .lines(Method::GET, &["events", "stream"], None, |line| match line.strip_prefix("data:") {
            Some(data) => print(global, &serde_json::from_str(data)?),
            None => Ok(()),
        })
        .await
}

fn print(global: &Global, event: &EventView) -> Outcome {
    if global.json {
        output::json_line(event)?;
        return Ok(());
    }
    let data = serde_json::to_string(&event.data)?;
    output::line(format!(
        "{} {:<8} {:<20} {} {data}",
        event.occurred_at, event.severity, event.kind, event.subject
    ));
    Ok(())
}
