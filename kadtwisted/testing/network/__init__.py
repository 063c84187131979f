"""A simulated UDP network in memory: its clock, hosts, ports and faults."""
