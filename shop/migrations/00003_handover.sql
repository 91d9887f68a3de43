-- +goose Up
-- What somebody outside must hear about an order, written with the transition
-- that it tells of.
CREATE TABLE shop_outbox (
	id       TEXT PRIMARY KEY,
	kind     TEXT NOT NULL,                      -- order.paid, …
	channel  TEXT NOT NULL,
	order_id TEXT NOT NULL REFERENCES shop_order (id),
	body     TEXT NOT NULL,                      -- JSON: the order as it was then
	at       BIGINT NOT NULL,
	spread   BIGINT                              -- since when there is a delivery for everybody who must hear it
);
CREATE INDEX shop_outbox_fresh ON shop_outbox (id) WHERE spread IS NULL;
CREATE INDEX shop_outbox_at ON shop_outbox (at);

CREATE TABLE shop_endpoint (
	id         TEXT PRIMARY KEY,
	channel    TEXT NOT NULL,
	url        TEXT NOT NULL,
	secret     TEXT NOT NULL,
	old_secret TEXT NOT NULL DEFAULT '',         -- signs too, until old_until
	old_until  BIGINT NOT NULL DEFAULT 0,
	created    BIGINT NOT NULL,
	failing    BIGINT NOT NULL DEFAULT 0,        -- since when nothing arrived; 0: the last one did
	disabled   BIGINT NOT NULL DEFAULT 0,        -- since; 0: it is not
	reason     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX shop_endpoint_channel ON shop_endpoint (channel);

-- One message on its way to one receiver: an endpoint, or 'mail' for the buyer.
CREATE TABLE shop_delivery (
	event    TEXT NOT NULL REFERENCES shop_outbox (id),
	endpoint TEXT NOT NULL,
	state    TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
	tries    BIGINT NOT NULL DEFAULT 0,
	next_at  BIGINT NOT NULL,
	status   BIGINT NOT NULL DEFAULT 0,          -- of the last answer; 0: there was none
	error    TEXT NOT NULL DEFAULT '',           -- a word for why
	created  BIGINT NOT NULL,
	ended    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (endpoint, event)
);
CREATE INDEX shop_delivery_waiting ON shop_delivery (endpoint, next_at) WHERE state = 'waiting';
CREATE INDEX shop_delivery_event ON shop_delivery (event);
