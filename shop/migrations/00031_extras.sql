-- +goose Up
-- What takes something off an order: a code that a merchant gives out.
CREATE TABLE shop_coupon (
	id        TEXT PRIMARY KEY,
	channel   TEXT NOT NULL,
	code      TEXT NOT NULL,                    -- upper case
	percent   BIGINT NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 99),
	amount    BIGINT NOT NULL DEFAULT 0 CHECK (amount >= 0),   -- off, if not a percentage
	currency  TEXT NOT NULL DEFAULT '',         -- of amount and least; '': any
	least     BIGINT NOT NULL DEFAULT 0,        -- goods for at least so much
	product   TEXT NOT NULL DEFAULT '',         -- of this product only
	show_id   TEXT NOT NULL DEFAULT '',         -- while this show is on air only
	starts    BIGINT NOT NULL,
	ends      BIGINT,                           -- NULL: never
	uses      BIGINT,                           -- NULL: any number
	per_buyer BIGINT,
	first     BOOLEAN NOT NULL,                 -- for a buyer's first order on the channel
	used      BIGINT NOT NULL DEFAULT 0 CHECK (used >= 0 AND (uses IS NULL OR used <= uses)),
	created   BIGINT NOT NULL,
	dropped   BIGINT,
	CHECK ((percent > 0) <> (amount > 0))
);
CREATE UNIQUE INDEX shop_coupon_code ON shop_coupon (channel, code) WHERE dropped IS NULL;

-- Uses of a coupon, each by one order, given back when that ends unpaid.
CREATE TABLE shop_coupon_use (
	order_id TEXT PRIMARY KEY,
	coupon   TEXT NOT NULL REFERENCES shop_coupon (id),
	buyer    TEXT NOT NULL,
	back     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX shop_coupon_use_buyer ON shop_coupon_use (coupon, buyer) WHERE NOT back;

-- A price for one person alone.
CREATE TABLE shop_personal (
	id       TEXT PRIMARY KEY,
	channel  TEXT NOT NULL,
	product  TEXT NOT NULL REFERENCES shop_product (id),
	buyer    TEXT NOT NULL,
	amount   BIGINT NOT NULL CHECK (amount > 0),
	currency CHAR(3) NOT NULL,
	quantity BIGINT NOT NULL CHECK (quantity > 0),
	ends     BIGINT NOT NULL,
	hold     TEXT NOT NULL DEFAULT '',          -- the units set aside with it
	state    TEXT NOT NULL CHECK (state IN ('open', 'used', 'withdrawn')),
	order_id TEXT NOT NULL DEFAULT '',
	host     TEXT NOT NULL,
	created  BIGINT NOT NULL,
	told     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX shop_personal_buyer ON shop_personal (buyer, ends) WHERE state = 'open';
CREATE INDEX shop_personal_channel ON shop_personal (channel, id);
CREATE INDEX shop_personal_untold ON shop_personal (created) WHERE NOT told;

ALTER TABLE shop_order ADD COLUMN coupon TEXT NOT NULL DEFAULT '';    -- its code
ALTER TABLE shop_order ADD COLUMN personal TEXT NOT NULL DEFAULT '';  -- the offer to its buyer alone
ALTER TABLE shop_order ADD COLUMN thanks BOOLEAN NOT NULL DEFAULT FALSE; -- the room may hear of the tip
ALTER TABLE shop_product ADD COLUMN jar BOOLEAN NOT NULL DEFAULT FALSE;  -- stands for tips without goods
CREATE UNIQUE INDEX shop_product_jar ON shop_product (channel, currency) WHERE jar;
