//! Who asks, and whether they may.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use waystation_core::access::{Action, Catalogue, Decision, Role, Subject, Target, Token, decide, somewhere};
use waystation_core::id::{LoginId, UserId};
use waystation_core::name::{TenantName, TokenName, UserName};
use waystation_core::time::later;
use waystation_identity::{Api, Claims, CredentialDigest};
use waystation_store::StoreError;
use waystation_store::tickets::Caller;
use waystation_store::users::Standing;

use crate::api::origin::Origin;
use crate::api::problem::Problem;
use crate::host::Host;

/// A user, or a token of theirs, as they are at this request.
///
/// Every handler asks [`Who::may`], [`Who::may_on`] or [`Who::somewhere`] before it does anything. Each decision is
/// logged, and what is denied goes on record.
#[derive(Clone)]
pub(crate) struct Who {
    standing: Standing,
    proof: Proof,
    origin: Origin,
    host: Host,
}

/// What somebody showed, to look at again.
#[derive(Clone)]
pub(crate) enum Proof {
    /// An access token of a login.
    Login(Claims),
    /// An API token.
    Token(CredentialDigest<Api>),
}

impl Proof {
    /// Who it speaks for now.
    pub(crate) async fn standing(&self, host: &Host, now: Timestamp) -> Result<Option<Standing>, StoreError> {
        match self {
            Self::Login(claims) => {
                host.store().login_standing(&claims.tenant, (claims.user, claims.login), now).await
            }
            Self::Token(digest) => host.store().token_standing(digest.as_bytes(), now).await,
        }
    }
}

/// How long after it began a login makes other ways in: API tokens, links, logins of devices.
const FRESH: Duration = Duration::from_secs(15 * 60);

fn is_fresh(login: LoginId, now: Timestamp) -> bool {
    later(login.made_at(), FRESH) > now
}

/// Between two looks at whether somebody who listens still may.
const LOOK: Duration = Duration::from_secs(1);

/// Why somebody may not: for whom it is told to.
pub(crate) struct Denied {
    pub(crate) action: String,
    pub(crate) why: String,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", denied.why)
    }
}

impl Who {
    pub(crate) const fn new(standing: Standing, proof: Proof, origin: Origin, host: Host) -> Self {
        Self { standing, proof, origin, host }
    }

    pub(crate) const fn tenant(&self) -> &TenantName {
        &self.standing.tenant
    }

    pub(crate) const fn user(&self) -> UserId {
        self.standing.user
    }

    pub(crate) const fn name(&self) -> &UserName {
        &self.standing.name
    }

    pub(crate) fn roles(&self) -> &[Role] {
        &self.standing.roles
    }

    /// The login, if it is one and no API token.
    pub(crate) const fn login(&self) -> Option<LoginId> {
        self.standing.login
    }

    /// The login: what only a person does who is logged in, since with a token it would be for whoever has that.
    ///
    /// # Errors
    /// With an API token.
    pub(crate) fn person(&self) -> Result<LoginId, Problem> {
        let detail = "this is done by a person who is logged in, not with an API token";
        self.login().ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "login-needed", detail))
    }

    /// The login, when it began lately: for what lasts longer than it, which whoever got hold of it later must not make.
    ///
    /// # Errors
    /// With an API token, and with a login that began longer ago than [`FRESH`].
    pub(crate) fn just_logged_in(&self) -> Result<LoginId, Problem> {
        let login = self.person()?;
        if is_fresh(login, Timestamp::now()) {
            return Ok(login);
        }
        let minutes = FRESH.as_secs() / 60;
        let detail = format!("your login began more than {minutes} minutes ago; log in again, then do this");
        Err(Problem::new(StatusCode::FORBIDDEN, "login-too-old", detail))
    }

    /// The API token, if it is one.
    pub(crate) fn token(&self) -> Option<&TokenName> {
        self.standing.token.as_ref().map(|(name, _)| name)
    }

    /// For the store, now: `user:NAME`, or `user:NAME/TOKEN`.
    pub(crate) fn caller(&self) -> Caller {
        self.origin.caller(self.standing.tenant.clone(), self.actor(), "api")
    }

    fn actor(&self) -> String {
        match &self.standing.token {
            Some((token, _)) => format!("user:{}/{token}", self.standing.name),
            None => format!("user:{}", self.standing.name),
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let token = self.standing.token.as_ref();
        Subject {
            name: self.standing.name.as_str(),
            roles: &self.standing.roles,
            token: token.map(|(name, scope)| Token { name: name.as_str(), scope }),
        }
    }

    /// Whether they may do this to the host as a whole, or to what selectors do not tell apart.
    ///
    /// # Errors
    /// When they may not.
    pub(crate) fn may(&self, action: &'static str) -> Result<(), Denied> {
        self.may_on(action, &Target::default())
    }

    /// Whether they may do this to that.
    ///
    /// # Errors
    /// When they may not.
    pub(crate) fn may_on(&self, action: &'static str, target: &Target) -> Result<(), Denied> {
        let decision = self.decided(action, target);
        match decision {
            Some(decision) if decision.allowed() => {
                tracing::debug!(target: "waystation::access", who = self.actor(), action, on = %target, "allowed");
                Ok(())
            }
            Some(decision) => {
                Err(self.denied(action, &target.to_string(), decision.code(), decision.because()))
            }
            None => {
                Err(self.denied(action, &target.to_string(), "unknown-action", &"there is no such action"))
            }
        }
    }

    /// Whether there is anything that they may do this to. What there is is then [told apart](Self::sees) row by row.
    ///
    /// # Errors
    /// When there is nothing.
    pub(crate) fn somewhere(&self, action: &'static str) -> Result<(), Denied> {
        let parsed: Option<Action> = action.parse().ok();
        match parsed.is_some_and(|action| somewhere(&Catalogue::default(), &self.subject(), &action)) {
            true => Ok(()),
            false => Err(self.denied(action, "anything", "no-grant", &"nothing that they have allows it")),
        }
    }

    /// Whether they may do this to one of several. Not on record: who lists is not turned away.
    pub(crate) fn sees(&self, action: &'static str, target: &Target) -> bool {
        self.decided(action, target).is_some_and(|decision| decision.allowed())
    }

    /// Ends when they may not do the same any more as when they came: for those who listen for long. The access token of a login
    /// may be over meanwhile; the login must not.
    pub(crate) async fn barred(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.proof.standing(&self.host, Timestamp::now()).await {
                // Whoever has become somebody else comes again, as that.
                Ok(Some(now)) if (&now.roles, &now.token) == (&self.standing.roles, &self.standing.token) => {
                }
                Ok(_) => return,
                Err(e) => {
                    tracing::warn!(
                        code = e.code(),
                        "whether somebody still may listen cannot be told; they come again"
                    );
                    return;
                }
            }
        }
    }

    fn decided(&self, action: &str, target: &Target) -> Option<Decision> {
        let action: Action = action.parse().ok()?;
        Some(decide(&Catalogue::default(), &self.subject(), &action, target))
    }

    fn denied(
        &self,
        action: &'static str,
        on: &str,
        code: &'static str,
        because: &dyn std::fmt::Display,
    ) -> Denied {
        tracing::info!(target: "waystation::access", who = self.actor(), action, on, because = code, "denied");
        let (caller, store) = (self.caller(), self.host.store().clone());
        let what = format!("{action} on {on}");
        self.host.spawn(async move {
            if let Err(e) = store.note_denied(caller, what, code).await {
                tracing::warn!(code = e.code(), "that somebody was denied something is not on record");
            }
        });
        let why = format!("you may not `{action}` on {on}: {because}; ask whoever gives out roles");
        Denied { action: action.to_owned(), why }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let none = || Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "log in first");
        parts.extensions.get::<Self>().cloned().ok_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_makes_other_ways_in_for_a_quarter_of_an_hour() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let login = LoginId::new(at(0), &[7; 10]);
        assert!(is_fresh(login, at(0)) && is_fresh(login, at(899)));
        assert!(!is_fresh(login, at(900)) && !is_fresh(login, at(86_400)));
        // One that says nothing of when it began.
        let old: LoginId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
        assert!(!is_fresh(old, at(0)));
    }
}
