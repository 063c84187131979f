"""What goes on: changes as they come (server-sent events), and waiting for one (long polling)."""
