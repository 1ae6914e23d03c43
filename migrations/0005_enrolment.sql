-- How machines become agents: tokens, who came with them, and keys of agents that have no certificate.

-- `digest` is SHA-256 of the token. Without a label it is for any.
CREATE TABLE enrolment_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    digest BLOB NOT NULL UNIQUE,
    label TEXT,
    delegated_by TEXT REFERENCES agents (id) ON DELETE CASCADE,
    approve BIGINT NOT NULL CHECK (approve IN (0, 1)),
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL CHECK (used >= 0 AND used <= uses),
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX enrolment_tokens_tenant ON enrolment_tokens (tenant, id);
CREATE INDEX enrolment_tokens_label ON enrolment_tokens (tenant, label);
CREATE INDEX enrolment_tokens_delegated ON enrolment_tokens (delegated_by);
CREATE INDEX enrolment_tokens_end ON enrolment_tokens (expires_at);

CREATE TABLE enrolment_capabilities (
    token_id TEXT NOT NULL REFERENCES enrolment_tokens (id) ON DELETE CASCADE,
    capability TEXT NOT NULL,
    PRIMARY KEY (token_id, capability)
);

-- One use of a token. `binding` tells who came: the hash of key, name and machine. `until` is when it ends to wait, or to
-- be fetched; `agent_id` and `at` say which enrolment it came to.
CREATE TABLE enrolments (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    token_id TEXT NOT NULL REFERENCES enrolment_tokens (id) ON DELETE CASCADE,
    binding BLOB NOT NULL,
    label TEXT NOT NULL,
    machine_uid TEXT,
    address TEXT NOT NULL,
    reason TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'done')),
    created_at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    decided_by TEXT,
    agent_id TEXT REFERENCES agents (id) ON DELETE CASCADE,
    at BIGINT,
    certificate BIGINT NOT NULL CHECK (certificate IN (0, 1)),
    CHECK ((state = 'done') = (agent_id IS NOT NULL)),
    UNIQUE (token_id, binding)
);
CREATE INDEX enrolments_waiting ON enrolments (tenant, id) WHERE state = 'waiting';
CREATE INDEX enrolments_agent ON enrolments (agent_id);

-- `digest` is SHA-256 of the key.
CREATE TABLE agent_keys (
    digest BLOB PRIMARY KEY NOT NULL,
    agent_id TEXT NOT NULL UNIQUE REFERENCES agents (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
);

-- What its machine says to be. It identifies, it never authorizes, and several agents may say the same.
ALTER TABLE agents ADD COLUMN machine_uid TEXT;
CREATE INDEX agents_machine ON agents (tenant, machine_uid) WHERE machine_uid IS NOT NULL AND revoked_at IS NULL;

-- Why a certificate is refused. One that was renewed is refused from a time to come on.
ALTER TABLE certificates ADD COLUMN reason TEXT;
