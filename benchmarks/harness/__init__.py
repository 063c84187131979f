"""What measures: the load generator, the other end of a server, servers as child processes."""
