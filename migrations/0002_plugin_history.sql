-- What of a plugin served last, as JSON: its content digest, version, signers, and what it was given. By this the host
-- tells an installation from an upgrade, and a change of grants from a restart.
ALTER TABLE plugins ADD COLUMN served TEXT;
