//! Tickets: asked for by the owner of an instance, seen by the one they are for.

use std::sync::Arc;

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::approval::Terms;
use waystation_core::id::ApprovalId;
use waystation_core::name::TenantName;
use waystation_core::ticket::{
    Capability, InstanceId, InstanceStatus, Refusal, SessionId, TicketDigest, TicketId, TicketKey,
    TicketLimits, TicketNonce, Transport,
};
use waystation_core::time::later;

use super::approval::Wanted;
use super::caller::Caller;
use super::facts::{capable, named};
use super::rate::Rate;
use super::tally::Tally;
use super::{Bell, Outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{from_json, micros, parsed, random, time};
use crate::store::Store;

/// A ticket that was just issued.
#[derive(Debug, Clone)]
pub struct IssuedTicket {
    /// What it is redeemed with.
    pub id: TicketId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A ticket in the inbox of the one it is for.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it is redeemed with.
    pub id: TicketId,
    /// What it admits to.
    pub scope: Capability,
    /// Of which instance.
    pub instance: InstanceId,
    /// Whose that is.
    pub source: AgentName,
    /// Until when.
    pub expires_at: Timestamp,
    /// How the instance is reached, as its owner said when the ticket was issued.
    pub transport: Transport,
}

/// What became of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    /// It can be redeemed, until it expires.
    Pending,
    /// It was.
    Redeemed,
    /// Somebody took it back, or what it stands on is no more.
    Revoked,
    /// Nobody redeemed it in time.
    Expired,
}

impl TicketState {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Redeemed => "redeemed",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Redeemed, Self::Revoked, Self::Expired].into_iter().find(|s| s.as_str() == word)
    }
}

/// A ticket as an operator sees it: without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// SHA-256 of its id.
    pub digest: TicketDigest,
    /// What it admits to.
    pub scope: Capability,
    /// Of which instance.
    pub instance: InstanceId,
    /// Who asked for it.
    pub source: AgentName,
    /// Who it is for.
    pub target: AgentName,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when it could be redeemed.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: TicketState,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// The session that it opened.
    pub session: Option<SessionId>,
    /// How the instance is reached.
    pub transport: Transport,
}

struct Request {
    caller: Caller,
    source: AgentName,
    scope: Capability,
    instance: InstanceId,
    /// As it was written: what is no name of an agent is nobody's.
    target: String,
    limits: Arc<TicketLimits>,
    nonce: TicketNonce,
    id: TicketId,
    /// By which it waits, if it has to.
    approval: ApprovalId,
    /// It was looked at before, and counted as a request.
    looked_at: bool,
}

/// A request that is looked at and counted, and leads to nothing yet.
struct Look(Request);

impl Change for Look {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = match self.0.parties(work).await? {
            Ok(parties) => self.0.approved(work, &parties).await?.map(drop),
            Err(refusal) => Err(refusal),
        };
        // What is admitted is on record with what becomes of it.
        if done.is_err() {
            self.0.record(work, &done, None);
        }
        Ok(done)
    }
}

impl Change for Request {
    type Answer = Outcome<IssuedTicket>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.request(work).await?;
        self.record(work, &done, done.as_ref().ok().map(|issued| issued.id.digest()));
        Ok(done)
    }
}

impl Request {
    fn record<T>(&self, work: &mut Work<'_>, done: &Outcome<T>, digest: Option<TicketDigest>) {
        let target = match digest {
            Some(digest) => format!("{digest} {} {}:{}", self.target, self.scope, self.instance),
            None => format!("{} {}:{}", self.target, self.scope, self.instance),
        };
        // Who asks too often would fill the record with it; that it waits is on record once.
        if !matches!(done, Err(Refusal::TooOften { .. } | Refusal::Waiting(_))) {
            self.caller.record(work, "ticket.issue", target, done);
        }
    }

    /// Who it is between, once all that the host asks for is so.
    async fn parties(&self, work: &mut Work<'_>) -> Result<Outcome<Admitted>, StoreError> {
        let Self { caller, source, scope, instance, target, limits, .. } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let counted = format!("ticket {tenant} {source}");
        let found: Option<Parties> = sqlx::query_as(concat!(
            "SELECT s.id, s.revoked_at, ",
            capable!("s.id", "$3"),
            ", t.id, t.revoked_at, ",
            capable!("t.id", "$3"),
            ", i.last_heartbeat, i.transport,
               (SELECT COUNT(*) FROM assignments x WHERE x.instance_id = i.id AND x.agent_id = t.id),
               c.name, c.approval, (SELECT r.tat FROM rate_limits r WHERE r.name = $6)
             FROM agents s
             LEFT JOIN agents t ON t.tenant = s.tenant AND t.label = $4
             LEFT JOIN instances i ON i.id = $5 AND i.agent_id = s.id AND i.scope = $3
             LEFT JOIN sub_scopes u ON u.tenant = s.tenant AND u.name = $3
             LEFT JOIN scopes c ON c.tenant = u.tenant AND c.name = u.scope
             WHERE s.tenant = $1 AND s.label = $2"
        ))
        .bind(tenant)
        .bind(source.label())
        .bind(scope.as_str())
        .bind(target.as_str())
        .bind(instance.to_string())
        .bind(counted.as_str())
        .fetch_optional(work.db())
        .await?;
        if !self.looked_at {
            let rate = Rate { requests: limits.requests, window: limits.request_window };
            let taken = match &found {
                Some(found) => rate.take_found(work, &counted, found.11, now)?,
                None => rate.take(work, &counted, now).await?,
            };
            if let Err(retry_after) = taken {
                return Ok(Err(Refusal::TooOften { retry_after }));
            }
        }
        let Some(found) = found else { return Ok(Err(Refusal::CallerRevoked)) };
        Ok(admitted(found, now, limits)?.map(|mut found| {
            found.terms = found.terms.filter(|(_, terms)| terms.ask_for(scope));
            found
        }))
    }

    /// Whether it has to wait: the request that was approved, where one had to be; refused where people did not approve it
    /// yet, or did not want to.
    async fn approved(
        &self,
        work: &mut Work<'_>,
        parties: &Admitted,
    ) -> Result<Outcome<Option<ApprovalId>>, StoreError> {
        match self.wanted(parties) {
            Some(wanted) => wanted.approved(work).await,
            None => Ok(Ok(None)),
        }
    }

    fn wanted<'a>(&'a self, parties: &'a Admitted) -> Option<Wanted<'a>> {
        let (registered, terms) = parties.terms.as_ref()?;
        Some(Wanted {
            caller: &self.caller,
            limits: &self.limits,
            terms,
            registered,
            scope: &self.scope,
            instance: self.instance,
            source: &parties.source,
            target: &parties.target,
            id: self.approval,
        })
    }

    async fn request(&self, work: &mut Work<'_>) -> Result<Outcome<IssuedTicket>, StoreError> {
        let Self { caller, scope, instance, limits, .. } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let parties = match self.parties(work).await? {
            Ok(parties) => parties,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let approved = match (self.approved(work, &parties).await?, self.wanted(&parties)) {
            (Ok(None), Some(wanted)) => return Ok(Err(wanted.begin(work).await?)),
            (Ok(approved), _) => approved,
            (Err(refusal), _) => return Ok(Err(refusal)),
        };
        if !Tally::Tickets.take(work, &caller.tenant, limits.tickets).await? {
            return Ok(Err(Refusal::TicketLimit));
        }
        let expires_at = later(now, limits.ticket_life);
        sqlx::query(
            "INSERT INTO tickets (digest, tenant, nonce, scope, instance_id, source, target, transport, created_at,
               expires_at, state, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending', $10)",
        )
        .bind(self.id.digest().as_bytes().as_slice())
        .bind(tenant)
        .bind(self.nonce.as_slice())
        .bind(scope.as_str())
        .bind(instance.to_string())
        .bind(parties.source.as_str())
        .bind(parties.target.as_str())
        .bind(parties.transport.as_str())
        .bind(micros(now))
        .bind(micros(expires_at))
        .execute(work.db())
        .await?;
        if let (Some(approved), Some(wanted)) = (approved, self.wanted(&parties)) {
            wanted.use_up(work, approved, &self.id.digest()).await?;
        }
        work.ring(parties.target, Bell::Inbox);
        Ok(Ok(IssuedTicket { id: self.id, expires_at }))
    }
}

/// Source, whether it is revoked and capable; the same of the target; instance; how often assigned; the registered scope,
/// and how many people it asks for; until when the source asked as much as it may.
type Parties = (
    String,
    Option<i64>,
    i64,
    Option<String>,
    Option<i64>,
    i64,
    Option<i64>,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
);

struct Admitted {
    source: String,
    target: String,
    transport: String,
    /// The registered scope, where its tickets wait for people.
    terms: Option<(String, Terms)>,
}

/// The order is that of the reference API, section 4.4.
fn admitted(found: Parties, now: Timestamp, limits: &TicketLimits) -> Result<Outcome<Admitted>, StoreError> {
    let (
        source,
        revoked,
        capable,
        target,
        target_revoked,
        target_capable,
        heard,
        transport,
        assigned,
        registered,
        terms,
        _,
    ) = found;
    if revoked.is_some() {
        return Ok(Err(Refusal::CallerRevoked));
    }
    if capable == 0 {
        return Ok(Err(Refusal::NotCapable));
    }
    let Some(target) = target.filter(|_| target_revoked.is_none()) else { return Ok(Err(Refusal::NoAgent)) };
    if target_capable == 0 {
        return Ok(Err(Refusal::NotCapable));
    }
    let (Some(heard), Some(transport)) = (heard, transport) else { return Ok(Err(Refusal::NoInstance)) };
    match InstanceStatus::of(time(heard)?, now, limits) {
        InstanceStatus::Active => {}
        InstanceStatus::Stale => return Ok(Err(Refusal::InstanceStale)),
        InstanceStatus::Dead => return Ok(Err(Refusal::NoInstance)),
    }
    if source == target {
        return Ok(Err(Refusal::OneSelf));
    }
    if assigned == 0 {
        return Ok(Err(Refusal::NotAssigned));
    }
    // What cannot be read asks for nothing less: it is an error.
    let terms = terms.as_deref().map(from_json).transpose()?;
    Ok(Ok(Admitted { source, target, transport, terms: registered.zip(terms) }))
}

/// A request for a ticket.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who asks.
    pub caller: Caller,
    /// The same as an agent.
    pub source: AgentName,
    /// To what the ticket is to admit.
    pub what: (Capability, InstanceId),
    /// Who it is for, as it was written.
    pub target: String,
    /// How much may be.
    pub limits: Arc<TicketLimits>,
}

impl Ask {
    fn request(self, key: &TicketKey, looked_at: bool) -> Request {
        let Self { caller, source, what: (scope, instance), target, limits } = self;
        let nonce: TicketNonce = rand::random();
        let (id, target) = (key.id(&nonce), crate::row::clean(&target));
        let approval = ApprovalId::new(caller.now, &random());
        Request { caller, source, scope, instance, target, limits, nonce, id, approval, looked_at }
    }
}

impl Store {
    /// Issues a ticket to the owner of an instance, for an assigned agent.
    ///
    /// # Errors
    /// Those of the database. Refused with `TooOften`, `CallerRevoked`, `NotCapable`, `NoAgent`, `NoInstance`,
    /// `InstanceStale`, `OneSelf`, `NotAssigned`, `TicketLimit`; where people have to approve it, with `Waiting`,
    /// `NotApproved`, `ApprovalLimit`.
    pub async fn request_ticket(
        &self,
        caller: Caller,
        source: AgentName,
        (scope, instance): (Capability, InstanceId),
        target: String,
        key: &TicketKey,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<IssuedTicket>, StoreError> {
        let ask = Ask { caller, source, what: (scope, instance), target, limits };
        self.change(ask.request(key, false)).await
    }

    /// Looks at a request and counts it, and issues nothing: what the host refuses is refused here, before anybody else
    /// is asked.
    ///
    /// # Errors
    /// As [`Store::request_ticket`], without `TicketLimit`.
    pub async fn look_at_request(&self, ask: Ask, key: &TicketKey) -> Result<Outcome<()>, StoreError> {
        self.change(Look(ask.request(key, false))).await
    }

    /// Issues the ticket of a request that was looked at. All is looked at again, and it is not counted twice.
    ///
    /// # Errors
    /// As [`Store::request_ticket`], without `TooOften`.
    pub async fn issue_ticket(&self, ask: Ask, key: &TicketKey) -> Result<Outcome<IssuedTicket>, StoreError> {
        self.change(ask.request(key, true)).await
    }

    /// What an agent may redeem now, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn inbox(
        &self,
        tenant: &TenantName,
        target: &AgentName,
        key: &TicketKey,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Pending>, StoreError> {
        let found: Vec<(Vec<u8>, String, String, String, i64, String)> = sqlx::query_as(
            "SELECT t.nonce, t.scope, t.instance_id, s.label, t.expires_at, t.transport
             FROM tickets t JOIN agents a ON a.id = t.target JOIN agents s ON s.id = t.source
             WHERE a.tenant = $1 AND a.label = $2 AND a.revoked_at IS NULL AND t.state = 'pending'
               AND t.expires_at > $3 ORDER BY t.created_at LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(target.label())
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let pending = |(nonce, scope, instance, source, expires_at, transport): (
            Vec<u8>,
            String,
            String,
            String,
            i64,
            String,
        )| {
            let nonce = nonce.try_into().map_err(|_| StoreError::corrupt("a nonce has another length"))?;
            Ok(Pending {
                id: key.id(&nonce),
                scope: parsed(&scope)?,
                instance: parsed(&instance)?,
                source: named(&source)?,
                expires_at: time(expires_at)?,
                transport: from_json(&transport)?,
            })
        };
        found.into_iter().map(pending).collect()
    }

    /// Tickets by the time they were issued at and by digest, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tickets(
        &self,
        tenant: &TenantName,
        after: Option<(Timestamp, TicketDigest)>,
        limit: u32,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let (at, digest) =
            after.map_or((-1, Vec::new()), |(at, digest)| (micros(at), digest.as_bytes().to_vec()));
        let found: Vec<TicketColumns> = sqlx::query_as(
            "SELECT t.digest, t.scope, t.instance_id, s.label, a.label, t.created_at, t.expires_at, t.state, t.at,
               t.session_id, t.transport
             FROM tickets t JOIN agents a ON a.id = t.target JOIN agents s ON s.id = t.source
             WHERE t.tenant = $1 AND (t.created_at > $2 OR (t.created_at = $2 AND t.digest > $3))
             ORDER BY t.created_at, t.digest LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(at)
        .bind(digest)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        found.into_iter().map(ticket_row).collect()
    }
}

type TicketColumns = (Vec<u8>, String, String, String, String, i64, i64, String, i64, Option<String>, String);

fn ticket_row(columns: TicketColumns) -> Result<TicketRow, StoreError> {
    let (digest, scope, instance, source, target, created_at, expires_at, state, at, session, transport) =
        columns;
    let state = TicketState::from_word(&state).ok_or_else(|| StoreError::corrupt(&state))?;
    Ok(TicketRow {
        digest: self::digest(&digest)?,
        scope: parsed(&scope)?,
        instance: parsed(&instance)?,
        source: named(&source)?,
        target: named(&target)?,
        created_at: time(created_at)?,
        expires_at: time(expires_at)?,
        state,
        ended_at: if state == TicketState::Pending { None } else { Some(time(at)?) },
        session: session.as_deref().map(parsed).transpose()?,
        transport: from_json(&transport)?,
    })
}

pub(super) fn digest(bytes: &[u8]) -> Result<TicketDigest, StoreError> {
    TicketDigest::from_bytes(bytes).ok_or_else(|| StoreError::corrupt("a digest has another length"))
}
