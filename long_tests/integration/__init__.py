"""Real processes and real sockets over loopback."""
