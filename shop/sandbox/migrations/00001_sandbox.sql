-- +goose Up
CREATE TABLE sandbox_object (
	id       TEXT PRIMARY KEY,
	kind     TEXT NOT NULL,             -- Stripe's `object`
	customer TEXT NOT NULL,
	created  BIGINT NOT NULL,
	note     TEXT NOT NULL DEFAULT '',  -- what Stripe knows and does not show: how a test method behaves, a challenge's key
	body     TEXT NOT NULL              -- the object as the API answers it
);
CREATE INDEX sandbox_object_customer ON sandbox_object (customer, kind, id);

CREATE TABLE sandbox_idem (
	idem_key TEXT PRIMARY KEY,
	request  TEXT NOT NULL,             -- SHA-256 of method, path and parameters
	status   BIGINT NOT NULL,
	body     TEXT NOT NULL,
	at       BIGINT NOT NULL
);

CREATE TABLE sandbox_event (
	id      TEXT PRIMARY KEY,
	type    TEXT NOT NULL,
	body    TEXT NOT NULL,
	created BIGINT NOT NULL,
	tries   BIGINT NOT NULL DEFAULT 0,
	next_at BIGINT                      -- NULL: delivered, or given up
);
CREATE INDEX sandbox_event_due ON sandbox_event (next_at) WHERE next_at IS NOT NULL;
