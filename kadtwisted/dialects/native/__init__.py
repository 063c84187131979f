"""kad/1, the native dialect: sealed CBOR, IDs proven by Ed25519 keys, records of kind ``Value``."""

from kadtwisted.dialects.native.dialect import (
    FORMATS,
    INTRODUCTIONS,
    RESERVED_NETWORKS,
    SHORT_ANSWER,
    NativeDialect,
    answer_length,
    native_dialect,
)

__all__ = [
    "FORMATS",
    "INTRODUCTIONS",
    "RESERVED_NETWORKS",
    "SHORT_ANSWER",
    "NativeDialect",
    "answer_length",
    "native_dialect",
]
