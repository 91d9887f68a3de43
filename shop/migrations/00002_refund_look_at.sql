-- +goose Up
-- When to ask the provider again about a refund that is pending.
ALTER TABLE shop_refund ADD COLUMN look_at BIGINT NOT NULL DEFAULT 0;
