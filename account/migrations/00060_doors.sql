-- +goose Up
ALTER TABLE account_session ADD COLUMN id TEXT NOT NULL DEFAULT '';      -- what it is called outside: not the token, nor its hash
ALTER TABLE account_session ADD COLUMN way TEXT NOT NULL DEFAULT '';     -- password, passkey, link, setup; empty for guests
ALTER TABLE account_session ADD COLUMN agent TEXT NOT NULL DEFAULT '';   -- the browser, as it calls itself
ALTER TABLE account_session ADD COLUMN network TEXT NOT NULL DEFAULT ''; -- where it was opened: an address block, never one address
ALTER TABLE account_session ADD COLUMN seen BIGINT NOT NULL DEFAULT 0;
UPDATE account_session SET id = substr(token, 1, 20), seen = created;
CREATE INDEX account_session_id ON account_session (id);
CREATE TABLE account_passkey (
	id         TEXT PRIMARY KEY,  -- of the credential, base64url
	person     TEXT NOT NULL REFERENCES account_person (id) ON DELETE CASCADE,
	name       TEXT NOT NULL,
	credential TEXT NOT NULL,     -- JSON: public key, counter, flags
	created    BIGINT NOT NULL,
	used       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX account_passkey_person ON account_passkey (person);
CREATE TABLE account_challenge (
	id      TEXT PRIMARY KEY,     -- SHA-256 of what the browser brings back, hex
	person  TEXT NOT NULL,        -- whose passkey is being made; empty: somebody signs in
	data    TEXT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX account_challenge_expires ON account_challenge (expires);
CREATE TABLE account_link (
	id      TEXT PRIMARY KEY,
	token   TEXT NOT NULL UNIQUE, -- SHA-256 of the token, hex
	kind    TEXT NOT NULL,        -- sign_in, reset, invite
	email   TEXT NOT NULL,
	channel TEXT NOT NULL DEFAULT '',
	role    TEXT NOT NULL DEFAULT '',
	actor   TEXT NOT NULL DEFAULT '', -- who invites
	device  TEXT NOT NULL DEFAULT '', -- the browser that asked
	handed  BIGINT NOT NULL DEFAULT 0, -- 1: not mailed but shown to who invites, so it proves no mailbox
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX account_link_channel ON account_link (channel);
CREATE INDEX account_link_expires ON account_link (expires);
CREATE TABLE account_deed (
	id      TEXT PRIMARY KEY,
	channel TEXT NOT NULL,        -- empty: about the account itself
	actor   TEXT NOT NULL,
	person  TEXT NOT NULL DEFAULT '',
	kind    TEXT NOT NULL,
	detail  TEXT NOT NULL DEFAULT '',
	at      BIGINT NOT NULL
);
CREATE INDEX account_deed_channel ON account_deed (channel, id);
CREATE INDEX account_deed_person ON account_deed (person);

-- +goose Down
DROP TABLE account_deed;
DROP TABLE account_link;
DROP TABLE account_challenge;
DROP TABLE account_passkey;
DROP INDEX account_session_id;
ALTER TABLE account_session DROP COLUMN seen;
ALTER TABLE account_session DROP COLUMN network;
ALTER TABLE account_session DROP COLUMN agent;
ALTER TABLE account_session DROP COLUMN way;
ALTER TABLE account_session DROP COLUMN id;
