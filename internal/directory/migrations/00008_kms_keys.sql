-- +goose Up
CREATE TABLE kms_keys (
    id          TEXT    NOT NULL PRIMARY KEY, -- a UUID
    account_id  TEXT    NOT NULL REFERENCES accounts (id),
    region      TEXT    NOT NULL,
    created     BIGINT  NOT NULL,
    description TEXT    NOT NULL,
    manager     TEXT    NOT NULL, -- CUSTOMER or AWS
    enabled     BOOLEAN NOT NULL,
    deletion    BIGINT  NOT NULL, -- when it is destroyed; 0 while that is not planned
    waiting     BIGINT  NOT NULL, -- days between the plan and the deletion
    policy      TEXT    NOT NULL,
    principals  TEXT    NOT NULL, -- JSON: unique ids by ARN
    tags        TEXT    NOT NULL, -- JSON
    material    TEXT    NOT NULL  -- the keyset, sealed, in base64
);
CREATE TABLE kms_aliases (
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    name       TEXT   NOT NULL, -- with "alias/"
    key_id     TEXT   NOT NULL REFERENCES kms_keys (id),
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    PRIMARY KEY (account_id, name)
);
