//! What the host and its agents tell each other.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A way from the target to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Strategy {
    /// Through a tunnel that both have.
    Tunnel,
    /// Through the host's relay.
    Relay,
    /// To an address that the source gives.
    Direct,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Where a source is to be reached directly. Go there by [`crate::Direct`] only, which looks at where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectHost {
    /// A name or an address.
    pub host: String,
    /// 1024 or above.
    pub port: u16,
}

/// How an instance is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// At least one.
    pub strategies: Vec<Strategy>,
    /// The one to try first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Strategy>,
    /// For [`Strategy::Direct`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<DirectHost>,
}

impl Transport {
    /// Through the host's relay.
    #[must_use]
    pub fn relay() -> Self {
        Self { strategies: vec![Strategy::Relay], preferred: Some(Strategy::Relay), direct: None }
    }

    /// At this address.
    #[must_use]
    pub fn direct(host: impl Into<String>, port: u16) -> Self {
        let direct = Some(DirectHost { host: host.into(), port });
        Self { strategies: vec![Strategy::Direct], preferred: Some(Strategy::Direct), direct }
    }
}

/// What a ticket is redeemed with: a secret for as long as the ticket lives. It does not print.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(String);

impl TicketId {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for TicketId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketId(…)")
    }
}

/// A ticket in the inbox of its target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboxTicket {
    /// What it is redeemed with.
    pub id: TicketId,
    /// What it admits to.
    pub scope: String,
    /// Of which instance.
    pub instance_id: String,
    /// Whose that is.
    pub source: String,
    /// Until when it can be redeemed.
    pub expires_at: Timestamp,
    /// How the instance is reached.
    pub transport: Transport,
}

/// A ticket that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedTicket {
    /// What the target redeems it with. The source has no use for it.
    pub id: TicketId,
    /// What it admits to.
    pub scope: String,
    /// Of which instance.
    pub instance_id: String,
    /// Who it is for.
    pub target: String,
    /// Until when it can be redeemed.
    pub expires_at: Timestamp,
}

/// Where a request stands that people approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ApprovalState {
    /// Not enough people said yes.
    Waiting,
    /// Enough did: ask again, and there is a ticket.
    Approved,
    /// It was picked up.
    Used,
    /// A person said no.
    Rejected,
    /// Not enough people said yes in time.
    Expired,
    /// Nobody asked again in time.
    Lapsed,
    /// What it stood on is no more, or is not what it was.
    Ended,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A request for a ticket that people approve.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// What it is called. It is no secret.
    pub id: String,
    /// Where it stands.
    pub state: ApprovalState,
    /// What the ticket is to admit to.
    pub scope: String,
    /// Of which instance.
    pub instance_id: String,
    /// Who it is for.
    pub target: String,
    /// How many people have to say yes.
    pub people: u32,
    /// How many did.
    pub approved: u32,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Until when it waits for people; once approved, for whoever asked.
    pub expires_at: Timestamp,
    /// Why a person said no, or what it stood on that is no more.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What asking for a ticket comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// There is one; its target has it.
    Issued(IssuedTicket),
    /// People have to approve it first. Asking again is the same request.
    Waiting(Approval),
}

/// What a redeemed ticket admits to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redeemed {
    /// The capability.
    pub scope: String,
    /// Of which instance.
    pub instance_id: String,
    /// Whose that is.
    pub source: String,
    /// Who redeemed it.
    pub target: String,
    /// How the instance is reached.
    pub transport: Transport,
}

/// How a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In use.
    Active,
    /// One of the parties lost the other.
    Grace,
    /// Over, for good.
    Dead,
}

/// A session, as the host tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// What it is called. It is no secret.
    pub session_id: String,
    /// What it admits to.
    pub scope: String,
    /// Of which instance.
    pub instance_id: String,
    /// Who owns that.
    pub source: String,
    /// Who was admitted.
    pub target: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was heard of last.
    pub last_activity_at: Timestamp,
    /// How it is.
    pub status: Status,
    /// Why it is over, if it is: `admin_killed`, `source_revoked`, `idle`, …
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the host says of a session when a party asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Whether all that it stands on is there now.
    pub alive: bool,
    /// Why not.
    #[serde(default)]
    pub reason: Option<String>,
    /// SHA-256, in hex, of the certificates that the other party can show. Whoever comes with another one is not that
    /// party.
    #[serde(default)]
    pub peer_certificates: Vec<String>,
    /// The session.
    pub session: Session,
}

/// What the host says to the heartbeat of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// It goes on.
    Authorized,
    /// It is over.
    Over {
        /// Why, where the host says so.
        reason: Option<String>,
    },
}
