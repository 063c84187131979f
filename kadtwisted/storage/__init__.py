"""Storage backends: bytes under keys with an expiry, each behind a Deferred-returning `IStorage`.

No policy lives here: who may write and which record wins is decided above, for every backend.
"""
