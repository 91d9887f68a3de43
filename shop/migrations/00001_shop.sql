-- +goose Up
CREATE TABLE shop_channel (
	channel        TEXT PRIMARY KEY,
	fee_bps        BIGINT NOT NULL DEFAULT 0 CHECK (fee_bps BETWEEN 0 AND 10000),
	region_default TEXT NOT NULL DEFAULT 'sell',
	countries      TEXT NOT NULL DEFAULT '{}',  -- JSON: ISO country -> verdict
	handoff_url    TEXT NOT NULL DEFAULT ''
);

CREATE TABLE shop_product (
	id          TEXT PRIMARY KEY,
	channel     TEXT NOT NULL,
	sku         TEXT NOT NULL,
	title       TEXT NOT NULL,
	description TEXT NOT NULL,
	image       TEXT NOT NULL,
	amount      BIGINT NOT NULL CHECK (amount > 0),
	currency    CHAR(3) NOT NULL,
	available   BIGINT NOT NULL CHECK (available >= 0),
	held        BIGINT NOT NULL CHECK (held >= 0),
	sold        BIGINT NOT NULL CHECK (sold >= 0),
	received    BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	dropped     BIGINT,                         -- no longer on sale since
	CHECK (available + held + sold = received)
);
CREATE UNIQUE INDEX shop_product_sku ON shop_product (channel, sku) WHERE dropped IS NULL;

-- Why shop_product.received is what it is: the deltas sum to it.
CREATE TABLE shop_stock_entry (
	id      TEXT PRIMARY KEY,
	product TEXT NOT NULL REFERENCES shop_product (id),
	delta   BIGINT NOT NULL,
	person  TEXT NOT NULL,
	at      BIGINT NOT NULL
);
CREATE INDEX shop_stock_entry_product ON shop_stock_entry (product);

CREATE TABLE shop_lineup (
	channel  TEXT NOT NULL,
	position BIGINT NOT NULL,
	product  TEXT NOT NULL REFERENCES shop_product (id),
	PRIMARY KEY (channel, position)
);

CREATE TABLE shop_image (
	name TEXT PRIMARY KEY,                      -- SHA-256 of the body, hex, and its extension
	type TEXT NOT NULL,
	body BYTEA NOT NULL,
	at   BIGINT NOT NULL
);

CREATE TABLE shop_pin (
	id            TEXT PRIMARY KEY,
	channel       TEXT NOT NULL,
	product       TEXT NOT NULL REFERENCES shop_product (id),
	amount        BIGINT NOT NULL,              -- the product's price when it went on air
	currency      CHAR(3) NOT NULL,
	offer_amount  BIGINT,                       -- NULL: no offer
	offer_seconds BIGINT NOT NULL DEFAULT 0,
	offer_ends    BIGINT NOT NULL DEFAULT 0,
	offer_stock   BIGINT,                       -- NULL: all there is
	offer_left    BIGINT CHECK (offer_left >= 0),
	per_buyer     BIGINT,                       -- NULL: no cap
	offer_open    BOOLEAN NOT NULL,             -- the room has not been told of its end
	media_at      BIGINT NOT NULL,
	pinned        BIGINT NOT NULL,
	ended         BIGINT                        -- NULL: on air
);
CREATE UNIQUE INDEX shop_pin_on_air ON shop_pin (channel) WHERE ended IS NULL;
CREATE INDEX shop_pin_open ON shop_pin (offer_ends) WHERE offer_open;

-- Units a buyer holds or bought under an offer.
CREATE TABLE shop_pin_buyer (
	pin      TEXT NOT NULL REFERENCES shop_pin (id),
	buyer    TEXT NOT NULL,
	quantity BIGINT NOT NULL CHECK (quantity >= 0),
	PRIMARY KEY (pin, buyer)
);

CREATE TABLE shop_order (
	id             TEXT PRIMARY KEY,
	buyer          TEXT NOT NULL,
	idem_key       TEXT NOT NULL,               -- the buyer's Idempotency-Key
	request        TEXT NOT NULL,               -- SHA-256 of what was asked
	channel        TEXT NOT NULL,
	show_id        TEXT NOT NULL,
	pin            TEXT NOT NULL,
	in_offer       BOOLEAN NOT NULL,            -- counts against the offer's share and cap
	product        TEXT NOT NULL REFERENCES shop_product (id),
	title          TEXT NOT NULL,
	quantity       BIGINT NOT NULL CHECK (quantity > 0),
	amount         BIGINT NOT NULL,             -- of one unit
	total          BIGINT NOT NULL,
	fee            BIGINT NOT NULL,
	currency       CHAR(3) NOT NULL,
	state          TEXT NOT NULL,
	units          TEXT NOT NULL CHECK (units IN ('held', 'sold', 'free')),
	release_to     TEXT NOT NULL DEFAULT '',    -- what `releasing` becomes
	hold_until     BIGINT NOT NULL DEFAULT 0,
	look_at        BIGINT NOT NULL,             -- when the sweeper looks at it again, while units are held
	action_url     TEXT NOT NULL DEFAULT '',    -- the bank's page
	parcel         TEXT NOT NULL DEFAULT 'unfulfilled',
	carrier        TEXT NOT NULL DEFAULT '',
	tracking       TEXT NOT NULL DEFAULT '',
	shipped        BIGINT NOT NULL DEFAULT 0,
	buyer_name     TEXT NOT NULL,
	buyer_email    TEXT NOT NULL,
	address        TEXT NOT NULL,               -- JSON, as it was at the tap
	country        TEXT NOT NULL,
	brand          TEXT NOT NULL,
	last4          TEXT NOT NULL,
	decline_code   TEXT NOT NULL DEFAULT '',
	decline_detail TEXT NOT NULL DEFAULT '',
	refunded       BIGINT NOT NULL DEFAULT 0,
	refunding      BIGINT NOT NULL DEFAULT 0 CHECK (refunding >= 0),
	media_at       BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	changed        BIGINT NOT NULL,
	UNIQUE (buyer, idem_key),
	CHECK (refunded + refunding <= total)
);
CREATE INDEX shop_order_channel ON shop_order (channel, id);
CREATE INDEX shop_order_open ON shop_order (look_at) WHERE units = 'held';
CREATE INDEX shop_order_product ON shop_order (product);

CREATE TABLE shop_order_event (
	order_id   TEXT NOT NULL REFERENCES shop_order (id),
	seq        BIGINT NOT NULL,
	from_state TEXT NOT NULL,
	to_state   TEXT NOT NULL,
	news       TEXT NOT NULL,
	actor      TEXT NOT NULL,
	at         BIGINT NOT NULL,
	PRIMARY KEY (order_id, seq)
);

-- One row per request for money, written before it is sent. Everything in the
-- request is here, so that it can be sent again to the letter.
CREATE TABLE shop_attempt (
	order_id   TEXT NOT NULL REFERENCES shop_order (id),
	seq        BIGINT NOT NULL,
	idem_key   TEXT NOT NULL UNIQUE,
	customer   TEXT NOT NULL,
	method     TEXT NOT NULL,
	return_url TEXT NOT NULL,
	intent     TEXT NOT NULL DEFAULT '',
	outcome    TEXT NOT NULL DEFAULT 'open',    -- open, succeeded, dead, refused
	sent       BIGINT NOT NULL,
	ended      BIGINT,
	PRIMARY KEY (order_id, seq)
);
CREATE UNIQUE INDEX shop_attempt_succeeded ON shop_attempt (order_id) WHERE outcome = 'succeeded';

CREATE TABLE shop_refund (
	id       TEXT PRIMARY KEY,
	order_id TEXT NOT NULL REFERENCES shop_order (id),
	idem_key TEXT NOT NULL,                     -- the caller's; unique per order
	amount   BIGINT NOT NULL CHECK (amount > 0),
	state    TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
	remote   TEXT NOT NULL DEFAULT '',          -- the provider's id
	person   TEXT NOT NULL,
	created  BIGINT NOT NULL,
	ended    BIGINT,
	UNIQUE (order_id, idem_key)
);

CREATE TABLE shop_ledger (
	id       TEXT PRIMARY KEY,
	order_id TEXT NOT NULL REFERENCES shop_order (id),
	kind     TEXT NOT NULL,
	at       BIGINT NOT NULL
);
CREATE INDEX shop_ledger_order ON shop_ledger (order_id);
CREATE TABLE shop_ledger_line (
	entry    TEXT NOT NULL REFERENCES shop_ledger (id),
	account  TEXT NOT NULL,
	currency CHAR(3) NOT NULL,
	amount   BIGINT NOT NULL,
	PRIMARY KEY (entry, account)
);

CREATE TABLE shop_customer (
	person   TEXT PRIMARY KEY,
	customer TEXT NOT NULL UNIQUE
);
CREATE TABLE shop_method (
	id      TEXT PRIMARY KEY,                   -- the provider's
	person  TEXT NOT NULL,
	brand   TEXT NOT NULL,
	last4   TEXT NOT NULL,
	created BIGINT NOT NULL
);
CREATE INDEX shop_method_person ON shop_method (person);

-- Provider notifications, each kept once. No payload: a hook is a hint, and
-- payloads carry secrets.
CREATE TABLE shop_hook (
	id       TEXT PRIMARY KEY,
	type     TEXT NOT NULL,
	intent   TEXT NOT NULL,
	customer TEXT NOT NULL,
	received BIGINT NOT NULL,
	done     BIGINT
);
CREATE INDEX shop_hook_waiting ON shop_hook (received) WHERE done IS NULL;
