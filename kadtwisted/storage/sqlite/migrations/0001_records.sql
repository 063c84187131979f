-- Moments are seconds on the storage's own time line (kadtwisted/storage/timeline.py).

-- A rowid table: with rows of a kilobyte it does twice the writes a second of a WITHOUT ROWID table,
-- in a third of the space, because the tree of keys stays small.
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

-- One row: the totals of all records, and the anchor of the time line at the last commit.
CREATE TABLE state (
    records INTEGER NOT NULL,
    size INTEGER NOT NULL,
    moment REAL,
    unix_time REAL
);

INSERT INTO state VALUES (0, 0, NULL, NULL);
