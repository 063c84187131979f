"""One address family of a node: its port, its routing table, and where others see it.

Every request of the node goes through :meth:`Link.ask`, which keeps the table honest.  The parts
are :mod:`binding` (the port's life), :mod:`asking` (requests of ours) and :mod:`learning` (what the
requests of others teach).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred, fail

from kadtwisted.dialects.door import IDoor
from kadtwisted.errors import SendFailed
from kadtwisted.model.contact import LOOPBACK, WILDCARDS, Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Method, Ping, RequestBody
from kadtwisted.nat.kind import NatKind
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.asking import Asking
from kadtwisted.node.port.binding import Binding
from kadtwisted.node.port.learning import Learning
from kadtwisted.node.port.observer import LinkObserver, Observers
from kadtwisted.node.port.protocol import Handle, KademliaProtocol
from kadtwisted.node.port.requests import Answer
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.size import SizeEstimates
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.attached import Attached
from kadtwisted.rpc.endpoints import Patience
from kadtwisted.rpc.served import Of


class Link:
    """What a node has in one address family.

    ``handle`` answers the requests that come in.  ``reach`` says where others see this port and
    which endpoints may be contacted, ``sizes`` how many nodes the network has.  ``attached`` are
    nodes that nobody can reach and that ask us.  ``nat_kind`` is what is between us and the others.
    ``introducers`` may tell us of who wants to talk to us: ``None`` for any verified contact.
    """

    def __init__(
        self,
        context: NodeContext,
        interface: str,
        table: RoutingTable,
        door: IDoor,
        handle: Handle,
        reach: Reach | None = None,
    ) -> None:
        self.family = Family.IPV6 if ":" in interface else Family.IPV4
        self.table = table
        self._now = context.world.now
        self._observers = Observers()
        self.protocol = KademliaProtocol(context, door, handle)
        self.requests = self.protocol.requests
        self.reach = reach or Reach(context.settings.allow, interface)
        self._asking = Asking(context, table, self.requests, self._observers, self.reach)
        self._binding = Binding(context, interface, self.protocol, self._observers)
        self.attached = Attached(fair=context.open_network)
        self.nat_kind = NatKind.UNKNOWN
        self.introducers: Collection[Endpoint] | None = None
        self._learning = Learning(context, self._asking, self.attached)
        self.protocol.learn = self._learning.learn
        self.protocol.on_death = self._binding.revive
        self._served = self._asking.served
        self.sizes = SizeEstimates()

    def __repr__(self) -> str:
        return f"<Link IPv{self.family:d} {self.listening or 'not bound'}>"

    def watch(self, observer: LinkObserver) -> None:
        """Tell one more observer what changes here."""
        self._observers.add(observer)

    @property
    def read_only(self) -> bool:
        """Whether this link serves nobody: others are told to keep it in no table.

        Observers are told when this changes.
        """
        return self._learning.read_only

    @read_only.setter
    def read_only(self, read_only: bool) -> None:
        if read_only is not self._learning.read_only:
            self._learning.read_only = self.protocol.door.read_only = read_only
            self._observers.serves(not read_only)

    # --- The port ----------------------------------------------------------------------------

    def listen(self, port: int, ready: socket.socket | None = None) -> int:
        """Bind the port and return its number; :class:`CannotListen` if that cannot be.

        A ``ready`` socket, bound already, is used instead, now and whenever the port has died; it
        stays the caller's.
        """
        return self._binding.listen(port, ready)

    def close(self) -> Deferred[object]:
        """Fail what is in flight, then let go of the port."""
        self.protocol.shut()
        return self._binding.close()

    @property
    def listening(self) -> Endpoint | None:
        """Where the port is bound now, ``None`` if it is not."""
        return self._binding.endpoint()

    # --- Asking ------------------------------------------------------------------------------

    def ask(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        on_soft: Callable[[], None] | None = None,
        known: bool = False,
        gently: bool = False,
    ) -> Deferred[Answer]:
        """Ask a contact and let the table know how it went.

        An endpoint that never answered and is not ``known`` (from our table, or given by a user)
        is asked once, without retransmission, and only as often as
        :class:`~kadtwisted.rpc.first_contact.FirstContact` allows: else this fails with
        ``SendFailed`` at once.  While that one request is under way, others wait for its end.
        ``gently``, such an endpoint gets a short PING first, and the request, which would have to
        be padded, when it has answered.
        Otherwise this fails as :meth:`Requests.request` does.
        """
        return self._asking.ask(contact, body, on_soft=on_soft, known=known, gently=gently)

    def tell(
        self, contact: Contact, body: RequestBody, *, retransmit: bool = True
    ) -> Deferred[Answer]:
        """Send a request to somebody who has asked for it at this endpoint.

        Nothing that comes of it changes the table: it may be a node that belongs in none.  Fails as
        :meth:`Requests.request` does.
        """
        return self.requests.request(contact, body, retransmit=retransmit)

    def knock(
        self, contact: Contact, *, proven: bool = False, waits: bool = False, aside: bool = False
    ) -> bool:
        """Send one PING to somebody who is said to have asked for it; whether it was sent.

        Unless it has ``proven`` to us that it receives there, or has answered before, only as often
        as :class:`~kadtwisted.rpc.first_contact.FirstContact` allows; one that ``waits`` for us
        may get one for each node that says so.  ``aside``, it comes from a port to which its NAT
        has never sent anything, and no answer is heard.  What comes of it changes no table.
        """
        write = self.protocol.write_aside if aside else None
        return self._asking.knock(contact, write, proven=proven, waits=waits)

    def ping_once(self, contact: Contact) -> Deferred[Answer]:
        """Send one PING, within the limits of hearsay, to where an introducer says that a node
        waits for it; what comes of it changes no table.  Fails as :meth:`Requests.request` does."""
        return self._asking.ping_once(contact)

    def would_ping(self, contact: Contact) -> bool:
        """Whether a contact that is not ``known`` gets a PING first if it is asked ``gently``."""
        return self._asking.would_ping(contact)

    def greet(self, endpoint: Endpoint, pinned: bytes | None) -> Deferred[Answer]:
        """Ask an endpoint that a user gave us who it is.

        With ``pinned`` only the holder of that public key is believed.
        """
        return self._asking.greet(endpoint, pinned)

    def patience(self, contact: Contact, body: RequestBody) -> Patience:
        """How long a request of this kind to this contact is waited for."""
        return self.requests.patience(contact.endpoint, body)

    def ping_itself(self, node_id: NodeID, key: bytes) -> Deferred[Answer]:
        """Send a PING to our own port, through its socket; fails as a request does.

        What comes of it says nothing about anybody else, and changes nothing.
        """
        bound = self.listening
        if bound is None:
            return fail(SendFailed("the UDP port is closed"))
        host = LOOPBACK[self.family] if bound.host in WILDCARDS else bound.host
        ourselves = Contact.at(node_id, Endpoint(host, bound.port), key)
        return self.requests.request(ourselves, Ping(), measured=False)

    def start_anew(self) -> None:
        """This machine is in another network, or in one again: forget what others said of us."""
        self._asking.start_anew()
        self._observers.moved()

    # --- What is known -----------------------------------------------------------------------

    @property
    def observed(self) -> Endpoint | None:
        """Where others see us: so say their votes, or our own socket tells.  ``None`` while that
        is not known; the port is 0 while others do not agree on it."""
        reach = self.reach
        return reach.own or (self.listening if reach.bound_tells else None)

    @property
    def displaced(self) -> int:
        """How many contacts have said that they are not where they were asked."""
        return len(self._asking.displaced)

    def is_displaced(self, contact: Contact) -> bool:
        """Whether a contact has said lately that it is not at this endpoint."""
        return self._asking.displaced.holds(contact, self._now())

    def observers(self) -> int:
        """How many networks and neighbours have said lately that we are seen there."""
        return self.reach.observers(self._now())

    def refused_kind(self, contact: Contact, kind: int) -> None:
        """A contact answered that it does not know this kind of record."""
        self._served.refused(contact.key, Of.KINDS, kind, self._now())

    def knows_kind(self, contact: Contact, kind: int) -> bool | None:
        """Whether a contact knows this kind of record; ``None`` if it has not told."""
        return self._served.serves(contact.key, Of.KINDS, kind, self._now())

    def may_serve(self, contact: Contact, method: Method) -> bool:
        """Whether a contact serves this method, or has not told that it does not."""
        return self._served.serves(contact.key, Of.METHODS, method, self._now()) is not False

    def hint_at_twin(self, endpoint: Endpoint) -> None:
        """Somebody says that our own key is there."""
        if endpoint not in (self.listening, self.reach.own):
            self._asking.twins.hint(endpoint, self._now())

    @property
    def twin(self) -> Endpoint | None:
        """Where another node answers under our own key, if there is one."""
        return self._asking.twins.twin

    def look_for_twin(self) -> Deferred[object] | None:
        """Ask where such a node may be, if that is due; ``None`` if it is not."""
        return self._asking.look_for_twin()

    @property
    def told(self) -> Endpoint | None:
        """Where the last node that answered said that it saw us."""
        return self._asking.told

    def is_down(self) -> bool:
        """Whether everything says that our own uplink in this family is down."""
        return self.listening is None or self._asking.uplink.is_down(len(self.table), self._now())

    def has_heard(self) -> bool:
        """Whether anybody was ever heard."""
        return self._asking.uplink.ever_heard

    def is_blocked(self) -> bool:
        """Whether nothing seems to get through from the network in which this machine is."""
        return self._asking.uplink.is_blocked(self._now())

    def heard_here(self) -> bool:
        """Whether anybody was heard since this machine is where it is."""
        return self._asking.uplink.heard_here

    def heard_since(self, moment: float) -> bool:
        """Whether anybody was heard since then."""
        return self._asking.uplink.silent_for(moment) < 0

    def round_trip(self, endpoint: Endpoint) -> float | None:
        """The smoothed round trip to an endpoint in seconds, ``None`` if none was measured."""
        return self.requests.round_trip(endpoint)
