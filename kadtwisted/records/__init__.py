"""The rules of records, one file a kind: their bytes, their checks, which of two wins, and when
they die.  Pure; what is stored where is ``storage/``'s, who is asked is ``node/``'s."""
