-- +goose Up
-- The first request for money, as far as it does not follow from the order. Its
-- row of shop_attempt is written with the first answer, as is its first
-- shop_order_event, so that holding units is one row. Orders from before have
-- both already; their customer is empty.
ALTER TABLE shop_order ADD COLUMN customer TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_order ADD COLUMN method TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_order ADD COLUMN base TEXT NOT NULL DEFAULT ''; -- where the bank's page sends back to
