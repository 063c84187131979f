-- Whether another record has taken the place, and whether the record is to be put back when that is gone.
ALTER TABLE publications ADD COLUMN state INTEGER NOT NULL DEFAULT 0; -- kadtwisted/state/publications.py says what
