-- +goose Up
-- A charge that its card's owner contests, as the provider last told it. The
-- order repeats what pages show of the newest one.
CREATE TABLE shop_dispute (
	id           TEXT PRIMARY KEY,              -- the provider's
	order_id     TEXT NOT NULL REFERENCES shop_order (id),
	amount       BIGINT NOT NULL,
	currency     CHAR(3) NOT NULL,
	withdrawn    BOOLEAN NOT NULL,              -- the provider took the amount, and has not given it back
	fee          BIGINT NOT NULL,               -- what the provider takes for it
	fee_currency CHAR(3) NOT NULL,              -- that of the account, not of the order
	reason       TEXT NOT NULL,
	state        TEXT NOT NULL,
	due          BIGINT NOT NULL,               -- until when to answer; 0: there is nothing to answer
	created      BIGINT NOT NULL,
	changed      BIGINT NOT NULL
);
CREATE INDEX shop_dispute_order ON shop_dispute (order_id);

ALTER TABLE shop_order ADD COLUMN dispute TEXT NOT NULL DEFAULT '';        -- id of the newest
ALTER TABLE shop_order ADD COLUMN dispute_state TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_order ADD COLUMN dispute_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_order ADD COLUMN dispute_amount BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shop_order ADD COLUMN dispute_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shop_order ADD COLUMN disputed BIGINT NOT NULL DEFAULT 0;      -- of the total, what disputes hold back
ALTER TABLE shop_order ADD COLUMN fraud_warning BIGINT NOT NULL DEFAULT 0; -- when the card's bank warned; 0: it did not
CREATE INDEX shop_order_disputed ON shop_order (channel, id) WHERE dispute <> '';

ALTER TABLE shop_hook ADD COLUMN dispute TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_hook ADD COLUMN warning TEXT NOT NULL DEFAULT '';
