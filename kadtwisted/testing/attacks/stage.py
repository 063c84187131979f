"""Honest nodes on the simulated network, and attackers among them.

Honest nodes are a :class:`~kadtwisted.testing.campaigns.crowd.Crowd`.  Attackers live on hosts of
their own, each in an address block of its own unless told otherwise, and prove their addresses as
everybody must.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.interfaces import IStorage
from kadtwisted.testing.attacks.client import Client, Home, NoAnswer, Peer
from kadtwisted.testing.attacks.datagrams import PING, Identity, network_key
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import EPOCH, PORT, Member

C = TypeVar("C", bound=Client)
Make = Callable[[Home, Identity], C]

QUIET = 5 * MINUTE
"""Longer than a node lets a new contact wait until it takes it for verified."""


class Stage(Crowd):
    """A crowd of honest members, and attackers.

    ``secret`` makes the network private.
    """

    def __init__(self, seed: int, report: Report, *, secret: bytes = b"", **settings: Any) -> None:
        if secret:
            settings["network_secrets"] = (secret,)
        super().__init__(seed, report, **settings)
        self.attackers: list[Client] = []
        self.source = random.Random(f"attackers {seed}")
        self._network = network_key("kad", secret)

    def add_with(self, storage: IStorage) -> Member:
        """A member with a storage of its own, that has not joined yet."""
        member = self._builder.build({"storage": storage})
        self.members.append(member)
        member.start()
        return member

    def identity(self) -> Identity:
        """A key of its own."""
        return Identity.of(self.source.randbytes(32))

    def home(self, address: str) -> Home:
        """Where an attacker lives."""
        return Home(
            self.network.host(address),
            self.source.randbytes,
            lambda: EPOCH + self.clock.seconds(),
            self._network,
            self.settings["sealer"] == "plain",
            "network_secrets" in self.settings,
        )

    def attacker(
        self,
        make: Callable[[Home, Identity], C],
        *,
        identity: Identity | None = None,
        address: str = "",
        port: int = PORT,
    ) -> C:
        """One more attacker, at an address in a /16 of its own, as far as there are some."""
        address = address or self.attacker_address(len(self.attackers))
        made = make(self.home(address), identity or self.identity())
        made.listen(address, port)
        self.attackers.append(made)
        return made

    def attacker_address(self, number: int) -> str:
        """Where the attacker of this number lives."""
        return f"{150 + number // 250 % 30}.{number % 250}.{number // 7500}.1"

    def peer(self, member: Member) -> Peer:
        """How an attacker names an honest member."""
        return Peer(member.node.status().public_key, (member.host.addresses[0], PORT))

    def introduce(
        self, attackers: Sequence[Client], members: Iterable[Member] | None = None
    ) -> None:
        """Let attackers be known as far as tables have room: each asks each member, twice, so that
        it has shown its token, and keeps quiet until it counts as verified."""
        peers = [self.peer(each) for each in (self.members if members is None else members)]
        for _ in range(2):
            for attacker in attackers:
                for peer in peers:
                    unheard(attacker.ask(peer, PING))
                self.advance(0.5)
        self.advance(QUIET)

    def ask(self, attacker: Client, peer: Peer, method: int, *arguments: object) -> Any:
        """One request, waited for; ``None`` if nobody answers."""
        try:
            return self.wait(attacker.ask(peer, method, *arguments))
        except NoAnswer:
            return None

    def grants(self, attacker: Client, peer: Peer, method: int, *arguments: object) -> bool:
        """Whether one request, waited for, is answered, and not by an error."""
        answer = self.ask(attacker, peer, method, *arguments)
        return answer is not None and answer.number == method

    def verified(self, member: Member) -> set[int]:
        """The IDs of the verified contacts of a member, suspects among them."""
        return {int(each) for each, state in member.known().items() if state != "tentative"}

    def stop(self) -> None:
        """Stop everybody."""
        for attacker in self.attackers:
            attacker.close()
        super().stop()


def unheard(asking: Deferred[Any]) -> None:
    """Nobody waits for this answer."""
    asking.addErrback(_no_answer)


def _no_answer(failure: Failure) -> None:
    failure.trap(NoAnswer)
