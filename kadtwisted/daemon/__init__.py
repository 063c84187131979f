"""The ``twistd kademlia`` daemon: options, settings, one service."""
