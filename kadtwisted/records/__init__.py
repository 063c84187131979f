"""The rules of records, one file for each kind: their bytes, their checks, which of two wins, and
when they die.  Pure: ``storage/`` stores records, and ``node/`` asks other nodes for them."""
