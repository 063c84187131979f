-- Moments are seconds on the storage's own time line (kadtwisted/storage/timeline.py).

-- A rowid table: with a kilobyte a row it takes twice the writes of a WITHOUT ROWID one, in a third
-- of the space, because the tree of keys stays small.
CREATE TABLE records (
    kind INTEGER NOT NULL,
    key BLOB NOT NULL, -- 20 bytes, big-endian
    sub BLOB NOT NULL,
    expires REAL NOT NULL,
    arrived REAL NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (kind, key, sub)
);

CREATE INDEX records_by_expiry ON records (expires);

-- One row: what all records come to, and the anchor of the time line at the last commit.
CREATE TABLE state (
    records INTEGER NOT NULL,
    size INTEGER NOT NULL,
    moment REAL,
    unix_time REAL
);

INSERT INTO state VALUES (0, 0, NULL, NULL);
