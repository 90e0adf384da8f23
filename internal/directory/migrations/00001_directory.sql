-- Times are seconds since 1970, and 0 is never. Names are compared in the
-- column name_key, in lower case.

-- +goose Up
CREATE TABLE keyring_check (
    id     BIGINT NOT NULL PRIMARY KEY,
    sealed TEXT   NOT NULL
);

CREATE TABLE accounts (
    id           TEXT   NOT NULL PRIMARY KEY,
    canonical_id TEXT   NOT NULL UNIQUE,
    name         TEXT   NOT NULL,
    created      BIGINT NOT NULL
);

-- Users, groups and roles.
CREATE TABLE entities (
    id                TEXT   NOT NULL PRIMARY KEY,
    account_id        TEXT   NOT NULL REFERENCES accounts (id),
    kind              TEXT   NOT NULL,
    path              TEXT   NOT NULL,
    name              TEXT   NOT NULL,
    name_key          TEXT   NOT NULL,
    created           BIGINT NOT NULL,
    boundary          TEXT   NOT NULL,
    tags              TEXT   NOT NULL, -- JSON
    description       TEXT   NOT NULL,
    max_session       BIGINT NOT NULL, -- seconds
    trust_policy      TEXT   NOT NULL,
    trust_principals  TEXT   NOT NULL, -- JSON: ARN to unique id
    used              BIGINT NOT NULL DEFAULT 0,
    used_service      TEXT   NOT NULL DEFAULT '',
    used_region       TEXT   NOT NULL DEFAULT '',
    UNIQUE (account_id, kind, name_key)
);

CREATE TABLE memberships (
    group_id TEXT NOT NULL REFERENCES entities (id),
    user_id  TEXT NOT NULL REFERENCES entities (id),
    PRIMARY KEY (group_id, user_id)
);

CREATE TABLE managed_policies (
    arn             TEXT   NOT NULL PRIMARY KEY,
    id              TEXT   NOT NULL UNIQUE,
    account_id      TEXT   NOT NULL REFERENCES accounts (id),
    path            TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    name_key        TEXT   NOT NULL,
    description     TEXT   NOT NULL,
    default_version BIGINT NOT NULL,
    last_version    BIGINT NOT NULL, -- the highest that was ever used
    created         BIGINT NOT NULL,
    updated         BIGINT NOT NULL,
    tags            TEXT   NOT NULL, -- JSON
    UNIQUE (account_id, name_key)
);

CREATE TABLE policy_versions (
    policy_arn TEXT   NOT NULL REFERENCES managed_policies (arn),
    version    BIGINT NOT NULL,
    document   TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    PRIMARY KEY (policy_arn, version)
);

-- policy_arn refers to managed_policies or to a policy of AWS's.
CREATE TABLE attachments (
    entity_id  TEXT NOT NULL REFERENCES entities (id),
    policy_arn TEXT NOT NULL,
    PRIMARY KEY (entity_id, policy_arn)
);

CREATE TABLE inline_policies (
    entity_id TEXT NOT NULL REFERENCES entities (id),
    name      TEXT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (entity_id, name)
);

CREATE TABLE access_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES accounts (id),
    user_id      TEXT    REFERENCES entities (id), -- NULL for the account's root
    active       BOOLEAN NOT NULL,
    created      BIGINT  NOT NULL,
    secret       TEXT    NOT NULL, -- sealed, in base64
    used         BIGINT  NOT NULL DEFAULT 0,
    used_service TEXT    NOT NULL DEFAULT '',
    used_region  TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE buckets (
    id                  TEXT   NOT NULL PRIMARY KEY,
    name                TEXT   NOT NULL UNIQUE,
    account_id          TEXT   NOT NULL REFERENCES accounts (id),
    region              TEXT   NOT NULL,
    created             BIGINT NOT NULL,
    ownership           TEXT   NOT NULL,
    public_access_block TEXT, -- JSON
    policy              TEXT,
    policy_principals   TEXT  -- JSON: ARN to unique id
);
