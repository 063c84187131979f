"""The Deferred shell around the pure rooms: protocol, handlers, lookups, the node itself."""
