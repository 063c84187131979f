"""A Kademlia distributed hash table on Twisted."""

__version__ = "0.1.0"
