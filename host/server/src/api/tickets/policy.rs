//! What hooks are asked on the way of a request, and what is answered when one denies.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use waystation_core::ticket::{Capability, InstanceId, Refusal, ScopeName, ScopeSpec, TicketDigest};
use waystation_store::tickets::Heard;
use waystation_worlds::hook::{Admission, Party, ScopeChange};

use super::answer::Answer;
use super::caller::Asker;
use crate::config::HookPoint;
use crate::hooks::Question;
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

/// Asks hooks in order, and puts on record what they said. Whoever asked may go away meanwhile: what was begun is
/// finished, so that nobody keeps a denial off the record, or a plugin that stalls from being noticed.
///
/// `refused` is the action and its object as they are on record; `held` is the ticket that a denial leaves used up.
pub(super) async fn ask(
    host: &Host,
    asker: &Asker,
    question: Question,
    refused: (&'static str, String),
    held: Option<TicketDigest>,
) -> Result<(), Answer> {
    let (host, asker) = (host.clone(), asker.clone());
    let asked = tokio::spawn(async move {
        let answer = host.hooks().ask(host.plugins(), &question).await;
        if answer.deeds.is_empty() {
            return Ok(());
        }
        let (action, target) = refused;
        let refusal = answer.denial.as_ref().map(|denial| match denial.failed {
            true => Refusal::HookFailed,
            false => Refusal::Denied,
        });
        let heard = Heard {
            caller: asker.caller(),
            deeds: answer.deeds,
            refused: refusal.map(|refusal| (action, target, refusal)),
            held: held.filter(|_| refusal.is_some()),
        };
        host.store().heard(heard).await?;
        match answer.denial {
            None => Ok(()),
            Some(denial) => {
                let code = if denial.failed { "hook-failed" } else { "denied" };
                let details = json!({ "code": code, "hook": denial.hook, "reason": denial.reason });
                Err(Answer::new(StatusCode::FORBIDDEN, "Denied by policy").with(details))
            }
        }
    });
    let unknown = |_| Answer::new(StatusCode::SERVICE_UNAVAILABLE, "The host cannot do this now; try again");
    asked.await.map_err(unknown)?
}
