-- +goose Up
-- Who sells on a channel and under which terms, each version as it was: orders
-- name the one they were placed under. JSON, see Terms.
CREATE TABLE shop_terms (
	channel TEXT NOT NULL,
	version BIGINT NOT NULL,
	body    TEXT NOT NULL,
	at      BIGINT NOT NULL,
	PRIMARY KEY (channel, version)
);

-- What the newest version says that every tap must know.
ALTER TABLE shop_channel ADD COLUMN terms BIGINT NOT NULL DEFAULT 0;           -- its number; 0: there is none
ALTER TABLE shop_channel ADD COLUMN withdrawal_days BIGINT NOT NULL DEFAULT 0; -- 0: none is offered

-- A buyer's word that they want out of an order that is paid.
CREATE TABLE shop_withdrawal (
	id        TEXT PRIMARY KEY,
	order_id  TEXT NOT NULL REFERENCES shop_order (id),
	quantity  BIGINT NOT NULL CHECK (quantity > 0),
	amount    BIGINT NOT NULL CHECK (amount >= 0),  -- that goes back, in minor units of the order's currency
	state     TEXT NOT NULL CHECK (state IN ('stated', 'confirmed', 'settled')),
	stated    BIGINT NOT NULL,
	confirmed BIGINT NOT NULL DEFAULT 0,
	settled   BIGINT NOT NULL DEFAULT 0              -- its money is on the way back
);
CREATE INDEX shop_withdrawal_order ON shop_withdrawal (order_id);
