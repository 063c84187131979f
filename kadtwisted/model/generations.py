"""A bounded dictionary that forgets what was not used lately, at the price of a plain one.

Entries live in two generations.  What is kept goes to the ``young`` one; when that has half of the
capacity it becomes the ``old`` one, and what was old until then is forgotten.  So an entry stays at
least until half as many others as there is room for have been kept after it.

An exact order of use would cost a linked list, which takes as much memory again as the entries, and
a move in it at each use.  Here a use of a young entry changes nothing.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Generations(Generic[K, V]):
    """At most ``capacity`` entries, at least 1; no value may be ``None``.

    Who reads often may look into ``young`` and then ``old`` itself; only this class writes there.
    """

    __slots__ = ("_capacity", "old", "young")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def __contains__(self, key: K) -> bool:
        return key in self.young or key in self.old

    def find(self, key: K) -> V | None:
        """The value kept under a key, if there is one; to find it is no use."""
        value = self.young.get(key)
        return self.old.get(key) if value is None else value

    def keep(self, key: K, value: V) -> None:
        """Keep a value; now it is among those that are forgotten last."""
        young = self.young
        if key not in young:
            self.old.pop(key, None)
            half = self._capacity // 2
            if len(young) >= max(half, 1):
                self.old = young if half else {}
                self.young = young = {}
        young[key] = value
