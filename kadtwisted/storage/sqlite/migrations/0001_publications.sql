-- What a Publication holds (kadtwisted/model/publication.py).

-- A rowid table: rows of a kilobyte are too long for a WITHOUT ROWID one (sqlite.org/withoutrowid.html).
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
