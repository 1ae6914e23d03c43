-- The first schema. One file serves both databases: it is written for SQLite, and for PostgreSQL the host
-- replaces two type words (see host/store/src/migrate.rs): character columns get the byte-order collation,
-- byte columns get PostgreSQL's name for them.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Truth values are 0 and 1. JSON is kept as characters
-- and read by the host alone.

CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- Rows that are updated to take a number or a lock. `event` holds the sequence of the last event: who updates it
-- holds it until the end of the transaction, so events become visible in the order of their numbers.
CREATE TABLE counters (
    name TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('event', 0), ('claim-items', 0), ('claim-outbox', 0), ('claim-tasks', 0);

CREATE TABLE machines (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE items (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    check_state TEXT NOT NULL,
    next_check_at BIGINT NOT NULL,
    claimed_by TEXT,
    lease_until BIGINT
);
CREATE INDEX items_next_check ON items (next_check_at);
CREATE INDEX items_source ON items (source);

CREATE TABLE releases (
    item_id TEXT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    position BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (item_id, version)
);

CREATE TABLE machine_items (
    machine_id TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    item_id TEXT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    manager TEXT NOT NULL,
    installed TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    standing TEXT NOT NULL,
    PRIMARY KEY (machine_id, item_id)
);
CREATE INDEX machine_items_item ON machine_items (item_id);

CREATE TABLE events (
    seq BIGINT PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    data TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    dedup_key TEXT UNIQUE
);
CREATE INDEX events_occurred ON events (occurred_at);

-- `at` is when the row is due (pending), when its lease ends (claimed), or when it ended (delivered, dead).
CREATE TABLE outbox (
    id TEXT PRIMARY KEY NOT NULL,
    event_seq BIGINT NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'delivered', 'dead')),
    at BIGINT NOT NULL,
    claimed_by TEXT,
    receipt TEXT,
    error_code TEXT,
    error_message TEXT,
    UNIQUE (event_seq, channel),
    CHECK ((state = 'claimed') = (claimed_by IS NOT NULL))
);
CREATE INDEX outbox_state ON outbox (state, at);

CREATE TABLE tasks (
    name TEXT PRIMARY KEY NOT NULL,
    cron TEXT NOT NULL,
    jitter_micros BIGINT NOT NULL,
    next_run_at BIGINT NOT NULL,
    claimed_by TEXT,
    lease_until BIGINT,
    last_run_at BIGINT,
    last_error TEXT
);

CREATE TABLE plugins (
    name TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    quarantine TEXT,
    last_error TEXT,
    updated_at BIGINT NOT NULL
);

-- Keys are bytes, so that both databases order them alike and no character is special.
CREATE TABLE kv (
    plugin TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (plugin, key)
);
CREATE TABLE kv_usage (
    plugin TEXT PRIMARY KEY NOT NULL,
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    entries BIGINT NOT NULL CHECK (entries >= 0)
);
