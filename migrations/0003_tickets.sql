-- Tenants, agents, what they admit each other to, and the record of what was done.

CREATE TABLE tenants (
    name TEXT PRIMARY KEY NOT NULL,
    created_at BIGINT NOT NULL
);
INSERT INTO tenants (name, created_at) VALUES ('default', 0);

-- Whoever changes anything below holds this row until the end of the transaction: changes are in one order, that of
-- the record, and none waits for another in a circle.
INSERT INTO counters (name, value) VALUES ('changes', 0);

-- How many rows of a kind a tenant has, so that a limit is held without counting.
CREATE TABLE tallies (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    what TEXT NOT NULL,
    value BIGINT NOT NULL CHECK (value >= 0),
    PRIMARY KEY (tenant, what)
);

-- An agent that is enrolled again under its label is the same row.
CREATE TABLE agents (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    label TEXT NOT NULL,
    delegated_by TEXT REFERENCES agents (id) ON DELETE CASCADE,
    enrolled_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE (tenant, label)
);
CREATE INDEX agents_delegated ON agents (delegated_by);

CREATE TABLE agent_capabilities (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    capability TEXT NOT NULL,
    PRIMARY KEY (agent_id, capability)
);

-- What was issued to agents, so that it can be revoked.
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX certificates_agent ON certificates (agent_id);
CREATE INDEX certificates_revoked ON certificates (expires_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE scopes (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT NOT NULL,
    transport TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- The name of a sub-scope is a capability, and belongs to one scope.
CREATE TABLE sub_scopes (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    position BIGINT NOT NULL,
    description TEXT NOT NULL,
    instance_scoped BIGINT NOT NULL CHECK (instance_scoped IN (0, 1)),
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, scope) REFERENCES scopes (tenant, name) ON DELETE CASCADE
);
CREATE INDEX sub_scopes_scope ON sub_scopes (tenant, scope);

CREATE TABLE instances (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    registered_at BIGINT NOT NULL,
    last_heartbeat BIGINT NOT NULL,
    transport TEXT NOT NULL,
    UNIQUE (agent_id, scope),
    FOREIGN KEY (tenant, scope) REFERENCES sub_scopes (tenant, name)
);
CREATE INDEX instances_tenant ON instances (tenant, id);
CREATE INDEX instances_scope ON instances (tenant, scope);
CREATE INDEX instances_heartbeat ON instances (last_heartbeat);

CREATE TABLE assignments (
    instance_id TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    assigned_at BIGINT NOT NULL,
    assigned_by TEXT NOT NULL,
    PRIMARY KEY (instance_id, agent_id)
);
CREATE INDEX assignments_agent ON assignments (agent_id);
CREATE INDEX assignments_tenant ON assignments (tenant, instance_id, agent_id);

-- The id of a ticket is not here: `digest` is its SHA-256, and `nonce` what the host computes it from with a key of its
-- own. `at` is when it expires (pending), or when it ended.
CREATE TABLE tickets (
    digest BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    nonce BLOB NOT NULL,
    scope TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    source TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    target TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    transport TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'redeemed', 'revoked', 'expired')),
    at BIGINT NOT NULL,
    session_id TEXT
);
CREATE INDEX tickets_inbox ON tickets (target, created_at) WHERE state = 'pending';
CREATE INDEX tickets_source ON tickets (source) WHERE state = 'pending';
CREATE INDEX tickets_instance ON tickets (instance_id) WHERE state = 'pending';
CREATE INDEX tickets_due ON tickets (state, at);
CREATE INDEX tickets_tenant ON tickets (tenant, created_at);

-- `at` is when it was heard of last, or when it ended.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    ticket BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    source TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    target TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_activity BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'grace', 'ended')),
    at BIGINT NOT NULL,
    reason TEXT,
    ended_by TEXT,
    CHECK ((state = 'ended') = (reason IS NOT NULL))
);
CREATE INDEX sessions_source ON sessions (source) WHERE state <> 'ended';
CREATE INDEX sessions_target ON sessions (target) WHERE state <> 'ended';
CREATE INDEX sessions_instance ON sessions (instance_id) WHERE state <> 'ended';
CREATE INDEX sessions_due ON sessions (state, at);
CREATE INDEX sessions_tenant ON sessions (tenant, created_at);

-- Who may ask again when: `tat` is the theoretical arrival time of the generic cell rate algorithm.
CREATE TABLE rate_limits (
    name TEXT PRIMARY KEY NOT NULL,
    tat BIGINT NOT NULL
);
CREATE INDEX rate_limits_tat ON rate_limits (tat);

-- Each row holds the hash of all before it; `audit_heads` the last, and the one before the first that is still kept.
CREATE TABLE audit (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    plane TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request TEXT NOT NULL,
    address TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_at ON audit (tenant, at);
CREATE TABLE audit_heads (
    tenant TEXT PRIMARY KEY NOT NULL REFERENCES tenants (name),
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL,
    trimmed_seq BIGINT NOT NULL,
    trimmed_hash BLOB NOT NULL
);
