-- +goose Up
ALTER TABLE shop_channel ADD COLUMN region_more TEXT NOT NULL DEFAULT '{}'; -- JSON: reasons, licences, signals
-- How often an order's first request for money was sent again, by somebody who
-- cannot know whether it was sent before; -1: it must not be sent any more.
ALTER TABLE shop_order ADD COLUMN resent BIGINT NOT NULL DEFAULT 0;
