"""One UDP port of a node: its socket, what comes in and goes out, and the contacts behind it."""
