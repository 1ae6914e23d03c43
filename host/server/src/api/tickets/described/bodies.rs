//! Bodies of `/api/tickets`.

use utoipa::ToSchema;

/// It is done.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct Done {
    ok: bool,
}

/// A way from one agent to another.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Way {
    Tunnel,
    Relay,
    Direct,
}

/// What is spoken on it.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Spoken {
    Wss,
    Tcp,
}

/// What agents can be admitted to.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketScope {
    /// 1 to 50 of `a-z0-9-`.
    name: String,
    /// 1 to 50 characters.
    version: String,
    /// 1 to 500 characters.
    description: String,
    /// 1 to 50.
    scopes: Vec<TicketSubScope>,
    transport: TicketScopeTransport,
    /// That people approve its tickets; nobody does when left out.
    approval: Option<ScopeApproval>,
}

/// Who approves tickets of a scope, and until when.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct ScopeApproval {
    /// How many people have to say yes: 1 to 5; 1 when left out.
    people: Option<u32>,
    /// Seconds for which a request waits for them: 1 to 86,400; 900 when left out.
    within: Option<u32>,
    /// The sub-scopes whose tickets wait; all when left out.
    #[schema(rename = "for")]
    of: Option<Vec<String>>,
}

/// A request that people approve, for the agent that asked.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct ApprovalStanding {
    id: String,
    /// `waiting`, `approved`, `used`, `rejected`, `expired`, `lapsed`, `ended`.
    state: String,
    scope: String,
    instance_id: String,
    target: String,
    /// How many have to say yes.
    people: u32,
    /// How many did.
    approved: u32,
    created_at: String,
    expires_at: String,
    /// Why it was rejected.
    reason: Option<String>,
}

/// How a request stands.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct ShownApproval {
    approval: ApprovalStanding,
}

/// One thing that a scope admits to.
#[derive(ToSchema)]
struct TicketSubScope {
    /// The capability that source and target need: `name:verb`.
    name: String,
    description: String,
    #[schema(rename = "instanceScoped")]
    instance_scoped: bool,
}

/// How the instances of a scope are reached.
#[derive(ToSchema)]
struct TicketScopeTransport {
    strategies: Vec<Way>,
    /// One of `strategies`.
    preferred: Way,
    /// 0, or 1024 and above.
    port: u16,
    protocol: Spoken,
}

/// What a scope admits to now.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct RegisteredScopes {
    ok: bool,
    /// Its sub-scopes.
    registered: Vec<String>,
}

/// A scope that was removed.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct RemovedScope {
    ok: bool,
    name: String,
}

/// A scope as it is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct KeptScope {
    name: String,
    version: String,
    description: String,
    scopes: Vec<TicketSubScope>,
    transport: TicketScopeTransport,
    /// Empty: hooks are plugins here.
    #[schema(value_type = Object)]
    hooks: (),
    approval: Option<ScopeApproval>,
    installed_at: String,
    updated_at: String,
}

/// Scopes by name; with the first page the first instances and assignments.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketRegistry {
    scopes: Vec<KeptScope>,
    instances: Vec<TicketInstance>,
    assignments: Vec<TicketAssignment>,
    next: Option<String>,
}

/// How an instance is reached.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketTransport {
    strategies: Vec<Way>,
    /// Left out where there is none.
    preferred: Option<Way>,
    /// Left out where there is none.
    direct: Option<TicketDirect>,
}

/// Where an instance is reached directly.
#[derive(ToSchema)]
struct TicketDirect {
    /// A public name or address, unless the host lets private ones be.
    host: String,
    /// 1024 or above.
    port: u16,
}

/// An instance to register.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketInstanceToRegister {
    /// The sub-scope.
    scope: String,
    transport: TicketTransport,
}

/// An instance that is registered.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct RegisteredInstance {
    ok: bool,
    instance_id: String,
    /// `scope:sub:instance`.
    instance_scope: String,
}

/// An instance that was removed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct RemovedInstance {
    ok: bool,
    instance_id: String,
}

/// An instance as it is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct TicketInstance {
    scope: String,
    instance_id: String,
    /// Its owner.
    agent_label: String,
    registered_at: String,
    last_heartbeat: String,
    /// `active`, `stale`, `dead`.
    status: String,
    transport: TicketTransport,
}

/// Instances, by id.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketInstances {
    instances: Vec<TicketInstance>,
    next: Option<String>,
}

/// An agent to assign to an instance.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct AssignmentToAdd {
    agent_label: String,
    /// `scope:sub:instance`.
    instance_scope: String,
}

/// Whom an instance may admit.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct TicketAssignment {
    agent_label: String,
    instance_scope: String,
    assigned_at: String,
    /// Always `admin`.
    assigned_by: String,
    /// Who it was.
    assigned_by_actor: String,
}

/// An assignment that there is.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct AddedAssignment {
    ok: bool,
    assignment: TicketAssignment,
}

/// Assignments.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketAssignments {
    assignments: Vec<TicketAssignment>,
    next: Option<String>,
}

/// A ticket that its source asks for.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct TicketToIssue {
    scope: String,
    instance_id: String,
    /// The label of the agent that it is for.
    target: String,
}

/// A ticket for a target.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct IssuedTicket {
    /// With which the target redeems it.
    id: String,
    scope: String,
    instance_id: String,
    source: String,
    target: String,
    expires_at: String,
}

/// A ticket that was issued.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct NewTicket {
    ok: bool,
    ticket: IssuedTicket,
}

/// A ticket as its target sees it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct InboxTicket {
    id: String,
    scope: String,
    instance_id: String,
    source: String,
    expires_at: String,
    transport: TicketTransport,
}

/// What can be redeemed, oldest first.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketInbox {
    tickets: Vec<InboxTicket>,
}

/// A ticket, by its id.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct TicketById {
    ticket_id: String,
}

/// A ticket that was redeemed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct RedeemedTicket {
    valid: bool,
    scope: String,
    instance_id: String,
    source: String,
    target: String,
    transport: TicketTransport,
}

/// A ticket as operators see it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ListedTicket {
    /// The SHA-256 of what it is redeemed with.
    id: String,
    scope: String,
    instance_id: String,
    source: String,
    target: String,
    created_at: String,
    expires_at: String,
    used: bool,
    used_at: Option<String>,
    /// `pending`, `redeemed`, `revoked`, `expired`.
    state: String,
    session_id: Option<String>,
    transport: TicketTransport,
}

/// Tickets, oldest first.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketList {
    tickets: Vec<ListedTicket>,
    next: Option<String>,
}

/// A session.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct TicketSession {
    session_id: String,
    ticket_id: String,
    scope: String,
    instance_id: String,
    source: String,
    target: String,
    created_at: String,
    last_activity_at: String,
    /// `active`, `grace`, `dead`.
    status: String,
    reconnect_grace_seconds: u32,
    /// `admin` or `system`; of a dead one.
    terminated_by: Option<String>,
    terminated_at: Option<String>,
    /// Why it is dead: `idle`, `instance_gone`, …
    reason: Option<String>,
    /// `source` or `target`: what the agent is that asks.
    role: Option<String>,
    /// The other one.
    peer: Option<String>,
}

/// A session that was opened.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct OpenedSession {
    ok: bool,
    session: TicketSession,
}

/// Sessions.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct TicketSessions {
    sessions: Vec<TicketSession>,
    next: Option<String>,
}

/// How a session is said to be.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct SessionMark {
    /// `active` or `grace`.
    status: String,
}

/// Whether a session goes on.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct Beat {
    authorized: bool,
    /// Why not: `admin_killed`, `source_revoked`, `target_revoked`, `capability_removed`, `assignment_removed`.
    reason: Option<String>,
    /// The same with more words.
    cause: Option<String>,
}

/// A session, for one of its parties.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct SessionStanding {
    alive: bool,
    /// Why not.
    reason: Option<String>,
    /// SHA-256 of the certificates with which the other party may come.
    peer_certificates: Vec<String>,
    session: TicketSession,
}
