-- +goose Up
ALTER TABLE kms_keys ADD COLUMN rotation_days BIGINT NOT NULL DEFAULT 0; -- between rotations; 0 for none
ALTER TABLE kms_keys ADD COLUMN next_rotation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE kms_keys ADD COLUMN rotations TEXT NOT NULL DEFAULT '[]'; -- JSON
