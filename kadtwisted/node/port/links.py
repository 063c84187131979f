"""All links of one node, by address family."""

from __future__ import annotations

from kadtwisted.model.contact import Family
from kadtwisted.node.port.link import Link


class Links(dict[Family, Link]):
    """The links of one node: one for each address family that it serves."""

    def connected(self) -> list[Link]:
        """The links whose table has contacts."""
        return [link for link in self.values() if len(link.table)]

    @property
    def read_only(self) -> bool:
        """Whether this node keeps nothing for others: it can be reached over no link."""
        return all(link.read_only for link in self.values())
