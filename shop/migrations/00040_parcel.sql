-- +goose Up
-- What was decided about an order beside its price: its language, where it may
-- go and why, the terms it was sold under. JSON, see fineprint.
ALTER TABLE shop_order ADD COLUMN fineprint TEXT NOT NULL DEFAULT '{}';

-- Who carries a channel's parcels.
CREATE TABLE shop_carrier (
	id      TEXT PRIMARY KEY,
	channel TEXT NOT NULL,
	name    TEXT NOT NULL,
	link    TEXT NOT NULL,                      -- of a page that shows a parcel, {tracking} stands for its number; '' none
	secret  TEXT NOT NULL,                      -- signs what the carrier tells
	created BIGINT NOT NULL,
	UNIQUE (channel, name)
);

-- What became of a parcel, as it was told. Rows are never changed.
CREATE TABLE shop_checkpoint (
	order_id TEXT NOT NULL REFERENCES shop_order (id),
	seq      BIGINT NOT NULL,
	mark     TEXT NOT NULL,                     -- the teller's name for it: told again it is no news
	code     TEXT NOT NULL,
	parcel   TEXT NOT NULL,                     -- what the parcel became by it; '' for what it was
	place    TEXT NOT NULL,
	lat      DOUBLE PRECISION,                  -- degrees; NULL: nobody said
	lon      DOUBLE PRECISION,
	at       BIGINT NOT NULL,                   -- when it happened
	told     BIGINT NOT NULL,                   -- when we heard
	source   TEXT NOT NULL,                     -- merchant, hook or carrier
	PRIMARY KEY (order_id, seq),
	UNIQUE (order_id, mark)
);

-- Parcels that somebody is asked about.
CREATE TABLE shop_voyage (
	order_id TEXT PRIMARY KEY REFERENCES shop_order (id),
	look_at  BIGINT NOT NULL
);
CREATE INDEX shop_voyage_look ON shop_voyage (look_at);
CREATE INDEX shop_order_tracking ON shop_order (channel, tracking) WHERE tracking <> '';
