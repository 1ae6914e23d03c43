-- Users and what they prove themselves with. No password, token, link or code is here: only what cannot be turned back.

-- A service has no password and logs in nowhere; tokens are made for it. `totp` is encrypted with a key of the host.
CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    service BIGINT NOT NULL CHECK (service IN (0, 1)),
    password TEXT,
    totp BLOB,
    totp_confirmed BIGINT NOT NULL CHECK (totp_confirmed IN (0, 1)),
    totp_step BIGINT,
    created_at BIGINT NOT NULL,
    locked_at BIGINT,
    UNIQUE (tenant, name),
    CHECK (service = 0 OR (password IS NULL AND totp IS NULL))
);

CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_role ON user_roles (role);

-- Those that operators made. The built-in ones are in the program.
CREATE TABLE roles (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    about TEXT NOT NULL,
    grants TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    PRIMARY KEY (user_id, digest)
);

-- Attempts under a name, whether or not somebody has it: so that nobody learns who does. `name` is a digest, since people
-- type other things in its place.
CREATE TABLE login_attempts (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX login_attempts_at ON login_attempts (at);

CREATE TABLE logins (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    address TEXT,
    client TEXT,
    started_at BIGINT NOT NULL,
    -- Until when its newest refresh token can be used.
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    reason TEXT,
    CHECK ((ended_at IS NULL) = (reason IS NULL))
);
CREATE INDEX logins_user ON logins (user_id) WHERE ended_at IS NULL;
CREATE INDEX logins_over ON logins (expires_at);

-- Used ones are kept as long as their login, so that one that is presented again is known.
CREATE TABLE refresh_tokens (
    digest BLOB PRIMARY KEY NOT NULL,
    login_id TEXT NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used BIGINT NOT NULL CHECK (used IN (0, 1))
);
CREATE INDEX refresh_tokens_login ON refresh_tokens (login_id);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    UNIQUE (user_id, name)
);
CREATE INDEX api_tokens_over ON api_tokens (expires_at);

-- What somebody becomes owner with (`user_id` is null then), or sets a password with.
CREATE TABLE links (
    digest BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    user_id TEXT UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used BIGINT NOT NULL CHECK (used IN (0, 1))
);
CREATE UNIQUE INDEX links_owner ON links (tenant) WHERE user_id IS NULL;

CREATE TABLE device_logins (
    digest BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    user_code TEXT NOT NULL UNIQUE,
    client TEXT,
    address TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'redeemed')),
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    wait_us BIGINT NOT NULL,
    asked_at BIGINT,
    CHECK ((state IN ('approved', 'redeemed')) = (user_id IS NOT NULL))
);
CREATE INDEX device_logins_over ON device_logins (expires_at);
