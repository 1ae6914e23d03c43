-- Requests for tickets that people approve, and who had a hand in what they stand on.

-- As JSON: how many people, within how many seconds, for which sub-scopes. Null where tickets wait for nobody.
ALTER TABLE scopes ADD COLUMN approval TEXT;

-- Names of users, with spaces between: who wrote the scope as it is, made the assignment, made or approved what an agent
-- enrolled with, let the agent in. Behind a token of a service stands who made that token. Empty where nobody is known.
ALTER TABLE scopes ADD COLUMN people TEXT NOT NULL DEFAULT '';
ALTER TABLE assignments ADD COLUMN people TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN people TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolment_tokens ADD COLUMN people TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolments ADD COLUMN people TEXT NOT NULL DEFAULT '';

-- `hands` is, as JSON, who had which hand in it when it was made. `at` is since when it is in its state, `until` when it
-- ends to wait for people, or for the agent that asked; of one that is over, when it ended.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    registered TEXT NOT NULL,
    scope TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    source TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    target TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    people BIGINT NOT NULL CHECK (people BETWEEN 1 AND 5),
    hands TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'used', 'rejected', 'expired', 'lapsed', 'ended')),
    at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    decided_by TEXT,
    reason TEXT,
    ticket BLOB,
    CHECK ((state = 'used') = (ticket IS NOT NULL)),
    CHECK ((state = 'rejected') = (decided_by IS NOT NULL))
);
-- One at a time for the same.
CREATE UNIQUE INDEX approvals_one ON approvals (instance_id, target) WHERE state IN ('waiting', 'approved');
CREATE INDEX approvals_open ON approvals (tenant, id) WHERE state IN ('waiting', 'approved');
CREATE INDEX approvals_due ON approvals (state, until);
CREATE INDEX approvals_last ON approvals (instance_id, target, at);
CREATE INDEX approvals_source ON approvals (source, at);
CREATE INDEX approvals_target ON approvals (target) WHERE state IN ('waiting', 'approved');
CREATE INDEX approvals_tenant ON approvals (tenant, id);

-- Who said yes. A name counts once, whoever has it.
CREATE TABLE approval_votes (
    approval_id TEXT NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (approval_id, name)
);
