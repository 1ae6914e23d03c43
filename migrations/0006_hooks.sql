-- Tickets that were redeemed while hooks are asked whether they may open a session. Until they allow it, `held` is 1 and
-- the ticket opens nothing.
ALTER TABLE tickets ADD COLUMN held BIGINT NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
