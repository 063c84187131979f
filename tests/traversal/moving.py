"""A machine that moves to another network while its node is at work, and goes on writing."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition, Event, Thread

from kadtwisted.errors import KadtwistedError
from kadtwisted.testing.campaigns.report import Report
from tests.traversal.daemons import Daemon
from tests.traversal.homes import KINDS, PORT, Home, Kind
from tests.traversal.internet import FIRST_NUMBERS, Internet, Member
from tests.traversal.waiting import until

BEFORE, AFTER = 20, 60
"""Values that it has written before it moves, and that it writes when it is back."""
BACK = 10.0
"""Seconds within which it has to be back at work."""
PATIENCE = 90.0

ELSEWHERE = Kind("elsewhere", hosts=0)
ADDRESS = "10.0.1.2"
"""Of the machine at home."""


def run(internet: Internet, report: Report) -> None:
    """A machine behind a NAT moves to another network, once to another address there and once to
    the same; and a public one gets another address."""
    _private(internet, report, "moves behind another NAT", "10.0.1.77")
    _private(internet, report, "moves behind another NAT, same address there", ADDRESS)
    _public(internet, report)


def _private(internet: Internet, report: Report, what: str, address: str) -> None:
    home, other = (
        Home(internet.spaces, kind, internet.next_number(), internet.work)
        for kind in (KINDS["cone"], ELSEWHERE)
    )
    host = home.hosts[0].namespace
    internet.spaces.plug(host, other.gateways[-1], "eth1")

    def move() -> None:
        internet.spaces.disconnect(host)
        internet.spaces.connect(host, address, "eth1")

    daemon = Daemon(host, PORT, internet.work, ["--portmap", "none"])
    daemon.start(*internet.entrances)
    member = Member(daemon, home)
    internet.wait_for("the one that moves", [member], least=3)
    try:
        _measure(internet, report, what, member, move)
    finally:
        daemon.stop()


def _public(internet: Internet, report: Report) -> None:
    place = len(internet.public) - 1
    member = internet.public[place]
    old, new = (f"{first}.{place}.0.10" for first in (FIRST_NUMBERS[place], 199))
    asking = internet.public[0].daemon
    what = "public machine, new address"
    looking: list[Future[float]] = []

    def move() -> None:
        internet.spaces.readdress(member.daemon.namespace, old, new)
        looking.append(pool.submit(_found_after, asking, member, new))

    with ThreadPoolExecutor(1) as pool:
        _measure(internet, report, what, member, move)
        report.figure(f"{what}: seconds until another one finds it", looking[0].result())


def _found_after(asking: Daemon, member: Member, address: str) -> float:
    """Look until another node finds it at its new address; the seconds that this took."""
    began = time.monotonic()
    until(lambda: _is_found(asking, member, address), PATIENCE, [asking, member.daemon])
    return time.monotonic() - began


def _is_found(asking: Daemon, member: Member, address: str) -> bool:
    found = asking.ask("find-node", target=member.node_id)["contacts"]
    return {"node_id": member.node_id, "endpoint": f"{address}:{PORT}"}.items() <= next(
        (each for each in found if each["node_id"] == member.node_id), {}
    ).items()


def _measure(
    internet: Internet, report: Report, what: str, member: Member, move: Callable[[], None]
) -> None:
    """Write all the time; how long nothing was written, and which receipts were worth nothing."""
    writer = _Writer(member.daemon, what)
    writer.start()
    report.at_least(f"{what}: puts before", writer.wait_for(BEFORE, PATIENCE), BEFORE)
    move()
    moved = time.monotonic()
    back = writer.first_after(moved, PATIENCE)
    wanted = len(writer.written) + AFTER
    written = writer.wait_for(wanted, PATIENCE)
    report.at_least(f"{what}: puts after", AFTER - wanted + written, AFTER)
    writer.end()
    readers = [each.daemon for each in internet.public if each is not member][:2]
    lost = [key for key in writer.written if not any(_reads(each, key) for each in readers)]
    report.at_most(f"{what}: lost, of {len(writer.written)} puts", len(lost), 0)
    report.at_most(
        f"{what}: seconds until it writes again", (back or moved + PATIENCE) - moved, BACK
    )


def _reads(daemon: Daemon, key: str) -> bool:
    try:
        return bool(daemon.ask("get", key=key)["value"] == key)
    except KadtwistedError:
        return False


class _Writer(Thread):
    """Puts one value after the other; remembers those with a receipt, and when it came."""

    def __init__(self, daemon: Daemon, what: str) -> None:
        super().__init__(daemon=True)
        self.written: dict[str, float] = {}
        self._node = daemon
        self._what = what
        self._over = Event()
        self._news = Condition()

    def run(self) -> None:
        number = 0
        while not self._over.wait(0.1):
            number += 1
            key = f"{self._what} {number}"
            value = b64encode(key.encode()).decode()
            try:
                self._node.ask("put", key=key, value_base64=value)
            except KadtwistedError:
                continue
            with self._news:
                self.written[key] = time.monotonic()
                self._news.notify_all()

    def wait_for(self, count: int, within: float) -> int:
        """Wait until so many are written, for so many seconds at most; how many are."""
        with self._news:
            self._news.wait_for(lambda: len(self.written) >= count, within)
            return len(self.written)

    def first_after(self, moment: float, within: float) -> float | None:
        """Wait for the first receipt after this moment; when it came, ``None`` if it has not."""
        with self._news:
            self._news.wait_for(lambda: self._last() > moment, within)
            return next((each for each in self.written.values() if each > moment), None)

    def _last(self) -> float:
        return max(self.written.values(), default=0.0)

    def end(self) -> None:
        """No more of it."""
        self._over.set()
        self.join()
