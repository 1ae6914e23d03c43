//! `/api/v1/items`

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use waystation_core::access::Target;
use waystation_core::id::ItemId;
use waystation_core::item::{Item, ItemSpec};
use waystation_core::name::ItemName;
use waystation_core::policy::Policy;
use waystation_core::version::Scheme;

use crate::api::body::parsed;
use crate::api::page::{Paging, next};
use crate::api::problem::Problem;
use crate::api::views::{ItemView, ReleaseView};
use crate::api::who::Who;
use crate::declared::default_scheme;
use crate::fit;
use crate::host::Host;

/// What the machine of the host is called.
const THIS_MACHINE: &str = "this-host";

/// A page of items, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemPage {
    items: Vec<ItemView>,
    /// Give this as `after` for the next page; none when this is the last.
    next: Option<String>,
}

/// Lists items.
#[utoipa::path(get, path = "/api/v1/items", tag = "items", params(Paging),
    responses((status = 200, body = ItemPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<ItemPage>, Problem> {
    who.somewhere("item:read")?;
    let (after, limit) = Paging::read(query, name)?;
    let items = host.store().items(after.as_ref(), limit).await?;
    let next = next(&items, limit, |last| last.spec.name.to_string());
    let seen = |item: &Item| who.sees("item:read", &target(&item.spec.name));
    let items: Vec<Item> = items.into_iter().filter(seen).collect();
    Ok(Json(ItemPage { items: views(&host, &items).await?, next }))
}

/// What selectors tell an item by.
pub(super) fn target(name: &ItemName) -> Target {
    Target { item: Some(name.clone()), ..Target::default() }
}

/// What is shown of these items.
pub(crate) async fn views(host: &Host, items: &[Item]) -> Result<Vec<ItemView>, Problem> {
    let ids: Vec<ItemId> = items.iter().map(|item| item.id).collect();
    let installed = host.store().installed_of(&ids).await?;
    let at = |item: &Item| installed.get(&item.id).map_or(&[][..], Vec::as_slice);
    Ok(items.iter().map(|item| ItemView::new(item, at(item))).collect())
}

/// A new item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewItem {
    /// What to call it; unique.
    name: String,
    /// The plugin that knows its releases.
    source: String,
    /// What that plugin calls it.
    locator: String,
    /// Settings of the item, which the plugin documents.
    #[serde(default)]
    #[schema(value_type = Object)]
    options: Map<String, Value>,
    /// How its versions compare; what the plugin says when left out.
    scheme: Option<String>,
    /// Which releases are wanted.
    #[serde(default)]
    #[schema(value_type = Object)]
    policy: Map<String, Value>,
    /// The version that is installed on this machine, and the manager it came by.
    installed: Option<Installed>,
}

/// An installed version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installed {
    manager: String,
    version: String,
}

/// Adds an item. It is checked at once, in the background.
#[utoipa::path(post, path = "/api/v1/items", tag = "items", request_body = NewItem,
    responses((status = 201, body = ItemView), (status = "default", body = Problem)))]
pub(crate) async fn add(
    State(host): State<Host>,
    who: Who,
    body: Result<Json<NewItem>, JsonRejection>,
) -> Result<(StatusCode, Json<ItemView>), Problem> {
    who.somewhere("item:write")?;
    let Json(new) = body.map_err(|e| Problem::new(e.status(), "bad-body", e.body_text()))?;
    who.may_on("item:write", &target(&name(&new.name)?))?;
    if new.installed.is_some() {
        let machine = Some(parsed(THIS_MACHINE)?);
        who.may_on("machine:write", &Target { machine, ..Target::default() })?;
    }
    let Some(source) = host.plugins().source(&new.source) else {
        let known: Vec<String> = host
            .plugins()
            .all()
            .iter()
            .filter(|p| p.world() == Some("update-source"))
            .map(|p| p.name().to_owned())
            .collect();
        let there_are = match known.as_slice() {
            [] => "none is loaded".to_owned(),
            some => format!("there are {}", some.join(", ")),
        };
        let detail = format!("no update source `{}`; {there_are}", new.source);
        return Err(Problem::bad("no-such-source", detail));
    };
    fit::options(&source, &new.options)
        .map_err(|found| Problem::mismatch(fit::OPTIONS, "options", &found))?;
    let scheme = match &new.scheme {
        Some(scheme) => parsed::<Scheme>(scheme)?,
        None => default_scheme(host.plugins(), &new.source).await,
    };
    let policy: Policy = serde_json::from_value(Value::Object(new.policy))
        .map_err(|e| Problem::bad("bad-policy", format!("policy: {e}")))?;
    policy.clone().bind(scheme).map_err(|e| Problem::bad(e.code(), e.to_string()))?;
    let spec = ItemSpec {
        name: name(&new.name)?,
        source: parsed(&new.source)?,
        locator: parsed(&new.locator)?,
        options: new.options,
        scheme,
        policy,
    };
    let now = Timestamp::now();
    let item = host.store().add_item(spec, now, now, &host.route()).await?;
    if let Some(installed) = new.installed {
        let machine = host.store().ensure_machine(&parsed(THIS_MACHINE)?, now).await?;
        let manager = parsed(&installed.manager)?;
        host.store()
            .record_installed(machine.id, item.id, &manager, &installed.version, now, &host.route())
            .await?;
    }
    let mut views = views(&host, std::slice::from_ref(&item)).await?;
    match views.pop() {
        Some(view) => Ok((StatusCode::CREATED, Json(view))),
        None => Err(Problem::not_found("item", &new.name)),
    }
}

/// An item and its releases.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemDetail {
    #[serde(flatten)]
    item: ItemView,
    /// The policy as it was written.
    #[schema(value_type = Object)]
    policy: Policy,
    /// The options as they were written.
    #[schema(value_type = Object)]
    options: Map<String, Value>,
    /// What is known, newest first.
    releases: Vec<ReleaseView>,
}

/// Shows one item.
#[utoipa::path(get, path = "/api/v1/items/{name}", tag = "items", params(("name" = String, Path)),
    responses((status = 200, body = ItemDetail), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Path(item): Path<String>,
) -> Result<Json<ItemDetail>, Problem> {
    let named = name(&item)?;
    who.may_on("item:read", &target(&named))?;
    let found = host.store().item_named(&named).await?;
    let releases = host.store().releases(found.id).await?;
    let mut views = views(&host, std::slice::from_ref(&found)).await?;
    let view = views.pop().ok_or_else(|| Problem::not_found("item", &item))?;
    Ok(Json(ItemDetail {
        item: view,
        policy: found.spec.policy,
        options: found.spec.options,
        releases: releases.into_iter().map(ReleaseView::from).collect(),
    }))
}

/// Removes an item and what is known of it.
#[utoipa::path(delete, path = "/api/v1/items/{name}", tag = "items", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(host): State<Host>,
    who: Who,
    Path(item): Path<String>,
) -> Result<StatusCode, Problem> {
    let named = name(&item)?;
    who.may_on("item:remove", &target(&named))?;
    let found = host.store().item_named(&named).await?;
    host.store().remove_item(found.id, Timestamp::now(), &host.route()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn name(text: &str) -> Result<ItemName, Problem> {
    parsed(text)
}
