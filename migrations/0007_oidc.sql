-- Logging in at providers (OpenID Connect). No code, state or cookie is here, only digests of them; what has to come back
-- as it was is encrypted with the key of the hosts.

-- Who somebody is at a provider. `joined` is 1 where they became a user by coming.
CREATE TABLE user_identities (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    joined BIGINT NOT NULL CHECK (joined IN (0, 1)),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    used_at BIGINT,
    UNIQUE (tenant, provider, issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);

-- Who was sent to a provider, and is to come back once, in the same browser.
CREATE TABLE provider_states (
    digest BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    provider TEXT NOT NULL,
    browser BLOB NOT NULL,
    sealed BLOB NOT NULL,
    device TEXT,
    address TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX provider_states_address ON provider_states (address, expires_at);
CREATE INDEX provider_states_over ON provider_states (expires_at);

-- Who came back as one of our users, and is to log in with a code, once, in the same browser. `asks` is 1 where a second
-- factor is asked for here, and `halfway` once they were told so.
CREATE TABLE provider_codes (
    digest BLOB PRIMARY KEY NOT NULL,
    browser BLOB NOT NULL,
    identity TEXT NOT NULL REFERENCES user_identities (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    asks BIGINT NOT NULL CHECK (asks IN (0, 1)),
    halfway BIGINT NOT NULL CHECK (halfway IN (0, 1)),
    expires_at BIGINT NOT NULL
);
CREATE INDEX provider_codes_over ON provider_codes (expires_at);

-- By which identity a login was begun, and by which that of the one who let a device in: they end with it.
ALTER TABLE logins ADD COLUMN identity TEXT;
CREATE INDEX logins_identity ON logins (identity) WHERE identity IS NOT NULL;
ALTER TABLE device_logins ADD COLUMN identity TEXT;
