"""Whom we know: k-buckets that report what changed and never ask anybody anything."""
