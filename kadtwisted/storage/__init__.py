"""Storage backends: bytes under keys until they expire, behind `IStorage`.

No policy is here: who may write and which record wins is decided above, once for all backends.
"""
