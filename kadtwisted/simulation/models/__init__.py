"""Models of the world: delays, session lengths, NATs."""
