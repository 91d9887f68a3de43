-- +goose Up
-- What an order's total is made of:
-- items - discount + shipping + tip, and + tax unless the prices include it.
ALTER TABLE shop_order ADD COLUMN items BIGINT NOT NULL DEFAULT 0 CHECK (items >= 0);
ALTER TABLE shop_order ADD COLUMN discount BIGINT NOT NULL DEFAULT 0 CHECK (discount >= 0);
ALTER TABLE shop_order ADD COLUMN shipping BIGINT NOT NULL DEFAULT 0 CHECK (shipping >= 0);
ALTER TABLE shop_order ADD COLUMN tax BIGINT NOT NULL DEFAULT 0 CHECK (tax >= 0);
ALTER TABLE shop_order ADD COLUMN tax_included BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE shop_order ADD COLUMN tip BIGINT NOT NULL DEFAULT 0 CHECK (tip >= 0);
UPDATE shop_order SET items = total;

-- Counts the prices that a product has had: a quote names the one it was made for.
ALTER TABLE shop_product ADD COLUMN price_version BIGINT NOT NULL DEFAULT 1;
