"""Messages to bytes and back.  Nothing else is decided here: no state, no clock, no policy."""
