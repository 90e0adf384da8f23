-- +goose Up
CREATE TABLE mfa_devices (
    serial     TEXT   NOT NULL PRIMARY KEY, -- an ARN
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    path       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    seed       TEXT   NOT NULL, -- sealed, in base64
    user_id    TEXT   REFERENCES entities (id), -- NULL for nobody
    enabled    BIGINT NOT NULL, -- for its user
    drift      BIGINT NOT NULL, -- of its clock, in periods
    last_step  BIGINT NOT NULL, -- of the last code that was used, in periods
    tags       TEXT   NOT NULL  -- JSON
);
