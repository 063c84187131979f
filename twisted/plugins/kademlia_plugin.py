"""Tells ``twistd`` that there is a ``kademlia`` command.

Every ``twistd --help`` imports this file: it names the service maker and imports nothing of ours.
"""

from twisted.application.service import ServiceMaker

kademlia = ServiceMaker(
    name="kademlia",
    module="kadtwisted.daemon.tap",
    description="A node of a Kademlia distributed hash table.",
    tapname="kademlia",
)
