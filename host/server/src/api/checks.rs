//! `/api/v1/checks`: checks now, with progress.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::Instrument as _;
use utoipa::ToSchema;
use waystation_core::item::Item;
use waystation_core::name::ItemName;

use crate::api::items;
use crate::api::problem::Problem;
use crate::api::views::{ErrorView, ItemView};
use crate::api::who::Who;
use crate::checker::{CheckFailure, Checked};
use crate::host::Host;

/// The most outcomes that are read back at once.
const TOLD_AT_ONCE: usize = 64;

/// What to check.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// Names of items; all of them when left out.
    items: Option<Vec<String>>,
}

/// A line of the answer: one per item as its check ends, then the summary.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CheckLine {
    /// How many items there are.
    Started {
        /// Items.
        total: usize,
    },
    /// One check ended.
    Checked {
        /// The item as it is now.
        item: Box<ItemView>,
    },
    /// One check ended, of an item that whoever asked may not read.
    Ran {
        /// The item's name, where it was in the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Whether it failed, or was not recorded.
        failed: bool,
    },
    /// One check was not recorded.
    Lost {
        /// The item's name.
        name: String,
        /// Why.
        error: ErrorView,
    },
    /// All ended.
    Finished {
        /// Items.
        total: usize,
        /// Items whose check failed.
        failed: usize,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
}

/// Checks items now. The answer is newline-delimited JSON that comes as the checks
/// end.
#[utoipa::path(post, path = "/api/v1/checks", tag = "checks", request_body = CheckRequest,
    responses((status = 200, body = CheckLine, content_type = "application/x-ndjson"),
        (status = "default", body = Problem)))]
pub(crate) async fn check(State(host): State<Host>, who: Who, body: Bytes) -> Result<Response, Problem> {
    who.somewhere("check:run")?;
    let request: CheckRequest = match body.as_ref() {
        [] => CheckRequest::default(),
        body => serde_json::from_slice(body)
            .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, "bad-body", e.to_string()))?,
    };
    let named = request.items.is_some();
    let chosen = chosen(&host, &who, request.items).await?;
    let (lines, receiver) = mpsc::unbounded_channel();
    // Runs on even if the client goes away: what was asked of remotes is recorded.
    let span = tracing::info_span!("checks", items = chosen.len());
    host.spawn(run(host.clone(), Asker { who, named }, chosen, lines).instrument(span));
    let stream = UnboundedReceiverStream::new(receiver).map(|line: CheckLine| {
        let mut text = serde_json::to_vec(&line).map_err(std::io::Error::other)?;
        text.push(b'\n');
        Ok::<_, std::io::Error>(Bytes::from(text))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response())
}

async fn chosen(host: &Host, who: &Who, names: Option<Vec<String>>) -> Result<Vec<Item>, Problem> {
    match names {
        None => {
            let mine = |item: &Item| who.sees("check:run", &items::target(&item.spec.name));
            Ok(host.all_items().await?.into_iter().filter(mine).collect())
        }
        Some(names) => {
            let mut items = Vec::with_capacity(names.len());
            for name in names {
                let parsed = name.parse().map_err(|_| Problem::not_found("item", &name))?;
                who.may_on("check:run", &items::target(&parsed))?;
                items.push(host.store().item_named(&parsed).await?);
            }
            Ok(items)
        }
    }
}

/// Who hears what becomes of checks. To run one is not to read its item.
struct Asker {
    who: Who,
    /// They named the items.
    named: bool,
}

impl Asker {
    fn told(&self, line: CheckLine) -> CheckLine {
        let (name, failed) = match &line {
            CheckLine::Checked { item } => (item.name.clone(), item.error.is_some()),
            CheckLine::Lost { name, .. } => (name.clone(), true),
            _ => return line,
        };
        let read = |name: &ItemName| self.who.sees("item:read", &items::target(name));
        match name.parse().as_ref().is_ok_and(read) {
            true => line,
            false => CheckLine::Ran { name: self.named.then_some(name), failed },
        }
    }
}

async fn run(host: Host, asker: Asker, items: Vec<Item>, lines: mpsc::UnboundedSender<CheckLine>) {
    let began = std::time::Instant::now();
    let total = items.len();
    // A send fails when the client went away; the work goes on.
    let _ = lines.send(CheckLine::Started { total });
    let (ended, mut each) = mpsc::unbounded_channel::<Checked>();
    let progress = move |checked: &Checked| drop(ended.send(checked.clone()));
    let tell = async {
        let (mut failed, mut told) = (0, 0);
        let mut group = Vec::new();
        while told < total && each.recv_many(&mut group, TOLD_AT_ONCE).await > 0 {
            told += group.len();
            for line in told_of(&host, std::mem::take(&mut group)).await {
                failed += usize::from(match &line {
                    CheckLine::Checked { item } => item.error.is_some(),
                    _ => true,
                });
                let _ = lines.send(asker.told(line));
            }
        }
        failed
    };
    let (_, failed) = tokio::join!(host.checker().check(items, &progress), tell);
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let _ = lines.send(CheckLine::Finished { total, failed, took_ms });
}

/// The lines of these checks.
async fn told_of(host: &Host, checked: Vec<Checked>) -> Vec<CheckLine> {
    let mut lines = Vec::with_capacity(checked.len());
    let mut concluded = Vec::with_capacity(checked.len());
    for Checked { item, result } in checked {
        match result {
            Ok(conclusion) => {
                let (check, next_check_at) = (conclusion.check.clone(), conclusion.next_check_at);
                concluded.push(Item { check, next_check_at, ..item });
            }
            Err(CheckFailure::Gone) => {
                lines.push(lost(&item, "gone", "the item was removed meanwhile".into()));
            }
            Err(CheckFailure::Store(code, message)) => lines.push(lost(&item, code, message)),
        }
    }
    match items::views(host, &concluded).await {
        Ok(views) => {
            lines.extend(views.into_iter().map(|view| CheckLine::Checked { item: Box::new(view) }));
        }
        Err(_) => {
            let unread = "the outcome could not be read back";
            lines.extend(concluded.iter().map(|item| lost(item, "database-unavailable", unread.into())));
        }
    }
    lines
}

fn lost(item: &Item, code: &str, message: String) -> CheckLine {
    let error = ErrorView { code: code.to_owned(), message, retryable: true };
    CheckLine::Lost { name: item.spec.name.to_string(), error }
}
