-- +goose Up
-- Units that are set aside for one person before there is an order: by a sheet
-- that is open, by a turn of the waiting list, by a private offer.
CREATE TABLE shop_hold (
	id       TEXT PRIMARY KEY,
	kind     TEXT NOT NULL CHECK (kind IN ('sheet', 'turn', 'offer')),
	channel  TEXT NOT NULL,
	product  TEXT NOT NULL REFERENCES shop_product (id),
	pin      TEXT NOT NULL DEFAULT '',           -- whose offer's share the units were taken from as well; '': of none
	buyer    TEXT NOT NULL,
	quantity BIGINT NOT NULL CHECK (quantity > 0),
	state    TEXT NOT NULL CHECK (state IN ('open', 'used', 'released')),
	began    BIGINT NOT NULL,
	until    BIGINT NOT NULL,
	ended    BIGINT,
	order_id TEXT NOT NULL DEFAULT '',           -- that used it
	told     BOOLEAN NOT NULL DEFAULT FALSE      -- the letter about it is in the room
);
CREATE UNIQUE INDEX shop_hold_one ON shop_hold (product, buyer) WHERE state = 'open' AND kind <> 'offer';
CREATE INDEX shop_hold_until ON shop_hold (until) WHERE state = 'open';
CREATE INDEX shop_hold_buyer ON shop_hold (buyer);
CREATE INDEX shop_hold_untold ON shop_hold (began) WHERE NOT told;

-- The line for a product of which every unit is held or sold.
CREATE TABLE shop_wait (
	id       TEXT PRIMARY KEY,
	channel  TEXT NOT NULL,
	product  TEXT NOT NULL REFERENCES shop_product (id),
	buyer    TEXT NOT NULL,
	quantity BIGINT NOT NULL CHECK (quantity > 0),
	seq      BIGINT NOT NULL,                    -- the order in line
	state    TEXT NOT NULL CHECK (state IN ('waiting', 'called', 'left')),
	hold     TEXT NOT NULL DEFAULT '',           -- the turn, once called
	joined   BIGINT NOT NULL,
	ended    BIGINT,
	UNIQUE (product, seq)
);
CREATE UNIQUE INDEX shop_wait_one ON shop_wait (product, buyer) WHERE state = 'waiting';
CREATE INDEX shop_wait_line ON shop_wait (product, seq) WHERE state = 'waiting';
CREATE INDEX shop_wait_buyer ON shop_wait (buyer) WHERE state = 'waiting';

ALTER TABLE shop_channel ADD COLUMN hold_seconds BIGINT NOT NULL DEFAULT 300;
ALTER TABLE shop_channel ADD COLUMN turn_seconds BIGINT NOT NULL DEFAULT 120;
