//! `/api/v1/events`: what happened, and what happens.

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};
use waystation_core::access::Target;
use waystation_core::event::EventSeq;

use crate::api::problem::Problem;
use crate::api::views::EventView;
use crate::api::who::Who;
use crate::host::Host;

/// Events read from the database at once.
const BATCH: u32 = 200;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Events after this number, oldest first. Left out: the newest, newest first.
    after: Option<i64>,
    /// 1 to 200; 50 when left out.
    limit: Option<u32>,
}

/// Some events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    events: Vec<EventView>,
}

/// How the types of events begin that are about an item.
const ITEM_EVENTS: [&str; 3] = ["release.", "item.", "check."];

/// How those begin that are about a scope, and belong to a tenant.
const SCOPE_EVENTS: &str = "approval.";

/// What selectors tell an event by: the item or the scope that it is about, where it is about one.
fn target(event: &waystation_core::event::Event) -> Target {
    let of_item = ITEM_EVENTS.iter().any(|start| event.kind.as_str().starts_with(start));
    let of_scope = event.kind.as_str().starts_with(SCOPE_EVENTS);
    let item = if of_item { event.subject.parse().ok() } else { None };
    let scope = if of_scope { event.subject.parse().ok() } else { None };
    Target { item, scope, ..Target::default() }
}

/// Whether somebody may read it. What is of a tenant, nobody of another may.
fn sees(who: &Who, event: &waystation_core::event::Event) -> bool {
    let theirs = event.data.get("tenant").and_then(|tenant| tenant.as_str());
    let theirs = theirs.filter(|_| event.kind.as_str().starts_with(SCOPE_EVENTS));
    theirs.is_none_or(|tenant| tenant == who.tenant().as_str()) && who.sees("event:read", &target(event))
}

/// Lists events.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = EventPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Json<EventPage>, Problem> {
    who.somewhere("event:read")?;
    let Query(query) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let limit = query.limit.unwrap_or(50).clamp(1, BATCH);
    let events = match query.after {
        Some(after) => host.store().events_after(EventSeq(after), limit).await?,
        None => host.store().events_before(None, limit).await?,
    };
    let seen = events.iter().filter(|event| sees(&who, event));
    Ok(Json(EventPage { events: seen.map(EventView::from).collect() }))
}

/// Follows events: server-sent events whose `event` is the type and whose `id` is
/// the number. With `Last-Event-ID` (or `after`) nothing since then is missed.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", params(EventQuery),
    responses((status = 200, body = EventView, content_type = "text/event-stream"),
        (status = "default", body = Problem)))]
pub(crate) async fn follow(
    State(host): State<Host>,
    who: Who,
    headers: HeaderMap,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    who.somewhere("event:read")?;
    let Query(query) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = match resumed.or(query.after) {
        Some(after) => EventSeq(after),
        None => host.store().last_event().await?,
    };
    let (sender, receiver) = mpsc::channel(64);
    let (fed, heard) = (host.clone(), who.clone());
    host.spawn(async move {
        tokio::select! {
            () = feed(fed, who, after, sender) => {}
            () = heard.barred() => {}
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

/// Reads on from `after` for as long as the client listens and the host runs. The
/// database is the truth; the live channel only says when to look.
async fn feed(host: Host, who: Who, mut after: EventSeq, sender: mpsc::Sender<Result<Event, Infallible>>) {
    let mut live = host.store().subscribe();
    let stop = host.stopping();
    loop {
        let events = match host.store().events_after(after, BATCH).await {
            Ok(events) => events,
            Err(e) => {
                tracing::warn!(code = e.code(), "an event stream ends: {e}");
                return;
            }
        };
        let full = events.len() as u64 == u64::from(BATCH);
        for event in events {
            after = event.seq;
            if !sees(&who, &event) {
                continue;
            }
            let sse = Event::default().event(event.kind.as_str()).id(event.seq.to_string());
            let Ok(sse) = sse.json_data(EventView::from(&event)) else { continue };
            if sender.send(Ok(sse)).await.is_err() {
                return;
            }
        }
        if full {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sender.closed() => return,
            // Lagging behind and waking by time are as good: both look again.
            _ = live.recv() => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
        }
    }
}
