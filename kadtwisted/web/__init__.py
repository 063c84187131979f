"""A web door: HTTP, for programs in any language and for browsers."""
