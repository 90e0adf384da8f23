-- +goose Up
ALTER TABLE buckets ADD COLUMN acl TEXT NOT NULL DEFAULT ''; -- empty when the owner has full control, and nobody else any
ALTER TABLE account_settings ADD COLUMN public_access_block TEXT; -- JSON; NULL for none
