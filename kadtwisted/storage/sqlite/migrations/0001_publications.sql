-- What kadtwisted/upkeep/publishing.py calls a publication.

-- A rowid table: a kilobyte a row is too long for a WITHOUT ROWID one (sqlite.org/withoutrowid.html).
CREATE TABLE publications (
    kind INTEGER NOT NULL,
    key BLOB NOT NULL, -- 20 bytes, big-endian
    sub BLOB NOT NULL,
    record BLOB NOT NULL,
    lifetime REAL NOT NULL, -- seconds
    next_at REAL NOT NULL, -- Unix time
    checksum INTEGER NOT NULL, -- kadtwisted/state/publications.py says of what
    UNIQUE (kind, key, sub)
);
