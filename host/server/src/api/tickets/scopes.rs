//! `/api/tickets/scopes`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use waystation_core::access::Target;
use waystation_core::approval::{DEFAULT_WITHIN, MAX_PEOPLE, MAX_WITHIN, Terms};
use waystation_core::ticket::{Refusal, ScopeName, ScopeSpec, ScopeTransport, SubScope};
use waystation_store::tickets::{AssignmentFilter, RegisteredScope};

use super::answer::Answer;
use super::body::Body;
use super::caller::{Asker, of_agent};
use super::described as d;
use super::form::{Form, Issues};
use super::page::{Page, time};
use super::{assignments, instances, policy};
use crate::host::Host;

pub(super) const STRATEGIES: &str = "tunnel, relay, direct";

fn spec(body: Option<&Value>) -> Result<ScopeSpec, Answer> {
    let mut issues = Issues::default();
    let read = read(body, &mut issues);
    let spec: ScopeSpec = issues.done(read)?;
    spec.check().map_err(|e| Issues::one("scopes", e))?;
    Ok(spec)
}

fn read(body: Option<&Value>, issues: &mut Issues) -> Option<ScopeSpec> {
    let form = Form::of(body, issues)?;
    let name = form.parsed("name", 50, issues);
    let version = form.text("version", 50, issues);
    let description = form.text("description", 500, issues);
    let subs = form.forms("scopes", 50, issues).map(|forms| {
        let sub = |form: Form<'_>| {
            let name = form.parsed("name", 100, issues);
            let description = form.text("description", 500, issues).map(str::to_owned);
            let instance_scoped = form.truth("instanceScoped", issues);
            Some(SubScope { name: name?, description: description?, instance_scoped: instance_scoped? })
        };
        forms.into_iter().map(sub).collect::<Vec<_>>()
    });
    let transport = form.form("transport", issues).and_then(|form| {
        let strategies = form.words("strategies", 50, STRATEGIES, issues);
        let preferred = form.word("preferred", STRATEGIES, issues);
        let port = form.port("port", true, issues);
        let protocol = form.word("protocol", "wss, tcp", issues);
        Some(ScopeTransport {
            strategies: strategies?,
            preferred: preferred?,
            port: port?,
            protocol: protocol?,
        })
    });
    let approval =
        form.has("approval").then(|| form.form("approval", issues).and_then(|form| terms(&form, issues)));
    Some(ScopeSpec {
        name: name?,
        version: version?.to_owned(),
        description: description?.to_owned(),
        scopes: subs?.into_iter().collect::<Option<_>>()?,
        transport: transport?,
        approval: match approval {
            Some(approval) => Some(approval?),
            None => None,
        },
    })
}

/// How many people approve its tickets. What is left out is as it is by default.
fn terms(form: &Form<'_>, issues: &mut Issues) -> Option<Terms> {
    let or = |key: &str, most: u64, default: u64, issues: &mut Issues| match form.has(key) {
        true => form.whole(key, 1..=most, issues),
        false => Some(default),
    };
    let people = or("people", MAX_PEOPLE, 1, issues);
    let within = or("within", MAX_WITHIN.as_secs(), DEFAULT_WITHIN.as_secs(), issues);
    let only = match form.has("for") {
        true => form.parsed_list("for", 50, issues),
        false => Some(Vec::new()),
    };
    let terms = Terms::new(people?, std::time::Duration::from_secs(within?), only?.into_iter().collect());
    terms.map_err(|e| issues.add(&form.path("people"), e)).ok()
}

/// Registers a scope.
#[utoipa::path(post, path = "/api/tickets/scopes", tag = "tickets", security(("token" = [])), request_body = d::TicketScope, responses(d::BodyRefusals, (status = 201, body = d::RegisteredScopes), (status = 409, body = d::Refusal, description = "There is one of that name")))]
pub(super) async fn register(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Answer> {
    asker.somewhere("scope:write")?;
    let spec = spec(body.as_ref())?;
    asker.may_on("scope:write", &target(&spec.name))?;
    let told = told(&spec);
    policy::scope(&host, &asker, "register", &spec.name, Some(&spec)).await?;
    host.store().register_scope(asker.caller(), spec.clone()).await?.map_err(|e| refused(&e, &spec.name))?;
    Ok((StatusCode::CREATED, told))
}

/// Writes a scope anew, in place.
#[utoipa::path(put, path = "/api/tickets/scopes/{name}", tag = "tickets", security(("token" = [])), params(("name" = String, Path)), request_body = d::TicketScope, responses(d::BodyRefusals, (status = 200, body = d::RegisteredScopes), (status = 404, body = d::Refusal, description = "There is none"), (status = 409, body = d::Refusal, description = "A sub-scope belongs to another scope")))]
pub(super) async fn update(
    State(host): State<Host>,
    asker: Asker,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    let name = named(&name);
    asker.may_on("scope:write", &name.as_ref().map(target).unwrap_or_default())?;
    let name = name?;
    let spec = spec(body.as_ref())?;
    if spec.name != name {
        return Err(Issues::one("name", "A scope keeps its name; register another one"));
    }
    let told = told(&spec);
    policy::scope(&host, &asker, "update", &name, Some(&spec)).await?;
    host.store().update_scope(asker.caller(), spec).await?.map_err(|e| refused(&e, &name))?;
    Ok(told)
}

fn told(spec: &ScopeSpec) -> Json<Value> {
    let names: Vec<_> = spec.scopes.iter().map(|sub| sub.name.as_str()).collect();
    Json(json!({ "ok": true, "registered": names }))
}

/// Removes a scope with all that is its.
#[utoipa::path(delete, path = "/api/tickets/scopes/{name}", tag = "tickets", security(("token" = [])), params(("name" = String, Path)), responses(d::Refusals, (status = 200, body = d::RemovedScope), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn remove(
    State(host): State<Host>,
    asker: Asker,
    Path(name): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    let name = named(&name);
    asker.may_on("scope:remove", &name.as_ref().map(target).unwrap_or_default())?;
    let name = name?;
    policy::scope(&host, &asker, "remove", &name, None).await?;
    host.store().remove_scope(asker.caller(), name.clone()).await?.map_err(|e| refused(&e, &name))?;
    Ok(Json(json!({ "ok": true, "name": name.as_str() })))
}

fn target(name: &ScopeName) -> Target {
    Target { scope: Some(name.clone()), ..Target::default() }
}

fn named(text: &str) -> Result<ScopeName, Answer> {
    text.parse().map_err(|e| Issues::one("name", e))
}

fn refused(refusal: &Refusal, name: &ScopeName) -> Answer {
    match refusal {
        Refusal::ScopeTaken => {
            Answer::new(StatusCode::CONFLICT, format!("Ticket scope \"{name}\" is already registered"))
        }
        Refusal::SubScopeTaken => {
            Answer::new(StatusCode::CONFLICT, "A sub-scope of that name belongs to another ticket scope")
        }
        Refusal::NoScope => Answer::new(StatusCode::NOT_FOUND, format!("Ticket scope \"{name}\" not found")),
        _ => Answer::not_found(),
    }
}

/// The whole registry: scopes by pages, and the first page of the rest with the first.
#[utoipa::path(get, path = "/api/tickets/scopes", tag = "tickets", security(("token" = [])), params(d::Paged), responses(d::Refusals, (status = 200, body = d::TicketRegistry)))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    asker.somewhere("scope:read")?;
    let after = page.after.as_deref().map(named).transpose()?;
    let mut scopes = host.store().scopes(asker.tenant(), after.as_ref(), page.limit).await?;
    let next = next(scopes.len(), page.limit, || scopes.last().map(|last| last.spec.name.to_string()));
    let (mut instances, mut assigned) = (Vec::new(), Vec::new());
    if after.is_none() {
        instances = host.store().instances(asker.tenant(), None, page.limit).await?;
        let filter = AssignmentFilter::default();
        assigned = host.store().assignments(asker.tenant(), &filter, None, page.limit).await?;
    }
    scopes.retain(|scope| asker.sees("scope:read", &target(&scope.spec.name)));
    instances.retain(|one| asker.sees("instance:read", &of_agent(&one.scope, &one.owner)));
    assigned.retain(|one| asker.sees("assignment:read", &of_agent(&one.scope, &one.agent)));
    Ok(Json(json!({
        "scopes": scopes.iter().map(view).collect::<Vec<_>>(),
        "instances": instances.iter().map(|one| instances::view(&host, one)).collect::<Vec<_>>(),
        "assignments": assigned.iter().map(assignments::view).collect::<Vec<_>>(),
        "next": next,
    })))
}

/// What the next page is asked for with; none where this is the last.
pub(super) fn next(count: usize, limit: u32, last: impl FnOnce() -> Option<String>) -> Option<String> {
    if count as u64 == u64::from(limit) { last() } else { None }
}

fn view(scope: &RegisteredScope) -> Value {
    let RegisteredScope { spec, registered_at, updated_at } = scope;
    let subs: Vec<_> = spec
        .scopes
        .iter()
        .map(|sub| {
            json!({
                "name": sub.name.as_str(), "description": sub.description, "instanceScoped": sub.instance_scoped,
            })
        })
        .collect();
    let mut view = json!({
        "name": spec.name.as_str(), "version": spec.version, "description": spec.description, "scopes": subs,
        "transport": spec.transport, "hooks": {}, "installedAt": time(*registered_at), "updatedAt": time(*updated_at),
    });
    // Where it asks for nothing, it is as clients of the reference API know it.
    if let (Some(terms), Some(view)) = (&spec.approval, view.as_object_mut()) {
        view.insert("approval".to_owned(), json!(terms));
    }
    view
}
