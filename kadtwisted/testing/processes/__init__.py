"""Campaigns with real daemons: ``python -m kadtwisted.testing.processes NAME``.

Each campaign starts ``twistd kademlia`` as operators do, on loopback, with its state on a real
disk, and does to it what happens to machines: ``kill`` (kill -9 under load), ``order`` (is an
acknowledgement ever sent before its record is safe?), ``restart`` (many daemons at once).  They
take real time, which is bounded, and leave no process and no file behind.
"""
