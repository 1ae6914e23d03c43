//! `waystation check`

use std::time::Duration;

use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use waystation_server::api::checks::CheckLine;
use waystation_server::api::views::ItemView;

use crate::args::Global;
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, items: &[String]) -> Outcome {
    let client = Client::new(global)?;
    let body = if items.is_empty() { json!({}) } else { json!({ "items": items }) };
    let bar = bar(0);
    let mut checked: Vec<ItemView> = Vec::new();
    let (mut ran, mut lost) = (Vec::new(), Vec::new());
    let mut finished = None;
    client
        .lines(Method::POST, &["checks"], Some(&body), |line| {
            match serde_json::from_str(line)? {
                CheckLine::Started { total } => bar.set_length(total as u64),
                CheckLine::Checked { item } => {
                    bar.set_message(item.name.clone());
                    bar.inc(1);
                    checked.push(*item);
                }
                CheckLine::Ran { name, failed } => {
                    bar.inc(1);
                    ran.push(json!({ "name": name, "failed": failed }));
                }
                CheckLine::Lost { name, error } => {
                    bar.inc(1);
                    lost.push(json!({ "name": name, "error": error }));
                }
                CheckLine::Finished { total, failed, took_ms } => finished = Some((total, failed, took_ms)),
            }
            Ok(())
        })
        .await?;
    bar.finish_and_clear();
    let Some((total, failed, took_ms)) = finished else {
        return Err(Failure::new(
            Exit::Unreachable,
            "the host went away before all checks ended; they go on there",
        ));
    };
    checked.sort_by(|a, b| a.name.cmp(&b.name));
    if global.json {
        let answer = json!({
            "items": checked, "ran": ran, "lost": lost, "total": total, "failed": failed, "took_ms": took_ms,
        });
        output::json(&answer)?;
    } else {
        crate::commands::item::print(&checked, items.is_empty());
        if !ran.is_empty() {
            output::note(format!("{} of them are not for you to read", ran.len()));
        }
        output::note(format!("{total} checked in {}, {failed} failed", output::millis(took_ms as f64)));
    }
    match failed {
        0 => Ok(()),
        n => Err(Failure::new(Exit::ChecksFailed, format!("{n} of {total} checks failed"))
            .hint("`waystation item show NAME` tells why")),
    }
}

/// A progress bar on standard error; nothing where that is no terminal.
pub(crate) fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
