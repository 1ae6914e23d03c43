//! What hooks are asked on the way of a request, and what is answered when one denies.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use waystation_core::ticket::{
    Capability, EndReason, InstanceId, Refusal, ScopeName, ScopeSpec, SessionId, TicketDigest,
};
use waystation_store::tickets::{Heard, Lost, Standing};
use waystation_worlds::hook::{Admission, Party, ScopeChange};

use super::answer::Answer;
use super::caller::Asker;
use super::sessions::missing;
use crate::config::HookPoint;
use crate::hooks::{Denial, Question};
use crate::host::Host;

/// One agent that is to admit another, as a request says it.
pub(super) struct Between<'a> {
    pub(super) scope: &'a Capability,
    pub(super) instance: InstanceId,
    pub(super) source: &'a str,
    pub(super) target: &'a str,
}

/// What hooks are told of it.
pub(super) async fn admission(
    host: &Host,
    asker: &Asker,
    between: &Between<'_>,
) -> Result<Admission, Answer> {
    let Between { scope, instance, source, target } = between;
    let occasion = host.store().occasion(asker.tenant(), scope, source, target).await?;
    let party = |name: &str, capabilities| Party { name: name.to_owned(), capabilities };
    Ok(Admission {
        tenant: asker.tenant().to_string(),
        scope: occasion.scope,
        sub_scope: scope.to_string(),
        instance: instance.to_string(),
        source: party(source, occasion.source),
        target: party(target, occasion.target),
        at: Timestamp::now().to_string(),
        request: asker.caller().request,
    })
}

/// Asks whether a scope may change, where anybody wants to be asked.
pub(super) async fn scope(
    host: &Host,
    asker: &Asker,
    what: &'static str,
    name: &ScopeName,
    spec: Option<&ScopeSpec>,
) -> Result<(), Answer> {
    if !host.hooks().any(HookPoint::BeforeScopeChange) {
        return Ok(());
    }
    let caller = asker.caller();
    let subs = spec.iter().flat_map(|spec| &spec.scopes).map(|sub| sub.name.to_string()).collect();
    let question = Question::Scope(ScopeChange {
        what,
        tenant: asker.tenant().to_string(),
        scope: name.to_string(),
        version: spec.map(|spec| spec.version.clone()),
        sub_scopes: subs,
        actor: caller.actor,
        at: caller.now.to_string(),
        request: caller.request,
    });
    let action = match what {
        "register" => "scope.register",
        "update" => "scope.update",
        _ => "scope.remove",
    };
    ask(host, asker, question, (action, name.to_string()), None).await
}

/// Asks whether a session may go on, where anybody wants to be asked. A denial ends it.
pub(super) async fn stays(
    host: &Host,
    asker: &Asker,
    id: SessionId,
) -> Result<Result<(), EndReason>, Answer> {
    if !host.hooks().any(HookPoint::WhileOpen) {
        return Ok(Ok(()));
    }
    let (agent, limits) = (asker.agent()?, &host.tickets().limits);
    let found = host.store().session_standing(asker.tenant(), &agent, id, Timestamp::now(), limits).await?;
    let session = match found.map_err(|_| missing())? {
        Standing { over: Some(reason), .. } => return Ok(Err(reason)),
        Standing { session, .. } => session,
    };
    let (source, target) = (session.source.label(), session.target.label());
    let between =
        Between { scope: &session.scope, instance: session.instance, source: &source, target: &target };
    let question = Question::Stay(admission(host, asker, &between).await?);
    let denial = heard(host, asker, question, None, Some(Lost::Session(session.id))).await?;
    Ok(denial.map_or(Ok(()), |_| Err(EndReason::PolicyDenied)))
}

/// Asks hooks in order; a denial is the answer.
///
/// `refused` is the action and its object as they are on record; `held` is the ticket that a denial leaves used up.
pub(super) async fn ask(
    host: &Host,
    asker: &Asker,
    question: Question,
    refused: (&'static str, String),
    held: Option<TicketDigest>,
) -> Result<(), Answer> {
    match heard(host, asker, question, Some(refused), held.map(Lost::Ticket)).await? {
        None => Ok(()),
        Some(denial) => {
            let code = if denial.failed { "hook-failed" } else { "denied" };
            let details = json!({ "code": code, "hook": denial.hook, "reason": denial.reason });
            Err(Answer::new(StatusCode::FORBIDDEN, "Denied by policy").with(details))
        }
    }
}

/// Asks hooks in order, and puts on record what they said. Whoever asked may go away meanwhile: what was begun is
/// finished, so that nobody keeps a denial off the record, or a plugin that stalls from being noticed.
async fn heard(
    host: &Host,
    asker: &Asker,
    question: Question,
    refused: Option<(&'static str, String)>,
    lost: Option<Lost>,
) -> Result<Option<Denial>, Answer> {
    let (host, asker) = (host.clone(), asker.clone());
    let asked = tokio::spawn(async move {
        let answer = host.hooks().ask(host.plugins(), &question).await;
        if answer.deeds.is_empty() {
            return Ok(None);
        }
        let refusal = answer.denial.as_ref().map(|denial| match denial.failed {
            true => Refusal::HookFailed,
            false => Refusal::Denied,
        });
        let heard = Heard {
            caller: asker.caller(),
            deeds: answer.deeds,
            refused: refusal.zip(refused).map(|(refusal, (action, target))| (action, target, refusal)),
            lost: lost.filter(|_| refusal.is_some()),
        };
        host.store().heard(heard).await?;
        Ok(answer.denial)
    });
    let unknown = |_| Answer::new(StatusCode::SERVICE_UNAVAILABLE, "The host cannot do this now; try again");
    asked.await.map_err(unknown)?
}
