"""Host names: threads are bounded, answers shared, and who gives up waits for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import Unavailable
from kadtwisted.node.names import MAX_THREADS, MAX_WAITING, RESOLVE_TIMEOUT, Names


class ThreadlessTests(SynchronousTestCase):
    """Threads never run by themselves: the test plays them."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.clock.callFromThread = lambda call, *given: call(*given)
        self.started: list[tuple[Callable[..., Any], str]] = []
        started = self.started

        class Thread:
            def __init__(self, target: Callable[..., Any], args: Any, daemon: bool) -> None:
                assert daemon, "or the interpreter would wait for it"
                self.work = target, args[0]

            def start(self) -> None:
                started.append(self.work)

        self.patch(threading, "Thread", Thread)
        self.found: dict[str, Sequence[str]] = {"a.example": ("192.0.2.1", "2001:db8::1")}
        self.names = Names(self.clock, self.look)

    def look(self, host: str) -> Sequence[str]:
        if host not in self.found:
            raise OSError("no such name")
        return self.found[host]

    def test_a_system_that_grants_no_thread(self) -> None:
        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        granted = threading.Thread.start
        self.patch(threading.Thread, "start", start)
        for host in ("a.example", "a.example", "b.example"):
            error = self.failureResultOf(self.names.resolve(host), Unavailable)
            self.assertIn(f"{host!r}, which needs a thread: can't start", str(error.value))
        self.patch(threading.Thread, "start", granted)
        resolving = self.names.resolve("a.example")
        self.finish()
        self.assertEqual(self.successResultOf(resolving), self.found["a.example"])

    def finish(self) -> None:
        work, host = self.started.pop(0)
        work(host)

    def test_a_name(self) -> None:
        resolving = self.names.resolve("a.example")
        self.assertNoResult(resolving)
        self.finish()
        self.assertEqual(self.successResultOf(resolving), ("192.0.2.1", "2001:db8::1"))

    def test_an_address_needs_no_thread(self) -> None:
        self.assertEqual(
            self.successResultOf(self.names.resolve("2001:DB8::0:1")), ("2001:db8::1",)
        )
        self.assertEqual(self.started, [])

    def test_a_name_that_does_not_resolve(self) -> None:
        resolving = self.names.resolve("b.example")
        self.finish()
        self.assertIn("does not resolve", str(self.failureResultOf(resolving, Unavailable).value))

    def test_a_name_that_is_none(self) -> None:
        self.failureResultOf(self.names.resolve("a..example"), Unavailable)
        self.assertEqual(self.started, [])

    def test_one_name_is_asked_for_once_at_a_time(self) -> None:
        both = [self.names.resolve("a.example") for _ in range(2)]
        self.assertEqual(len(self.started), 1)
        self.finish()
        for each in both:
            self.assertEqual(len(self.successResultOf(each)), 2)
        self.names.resolve("a.example")
        self.assertEqual(len(self.started), 1)

    def test_a_silent_server_is_not_waited_for(self) -> None:
        """And a node that asks again and again has one thread for it."""
        for _ in range(10):
            resolving = self.names.resolve("a.example")
            self.clock.advance(RESOLVE_TIMEOUT)
            error = self.failureResultOf(resolving, Unavailable).value
            self.assertIn("did not resolve within 10 seconds", str(error))
        self.assertEqual(len(self.started), 1)
        self.finish()
        resolving = self.names.resolve("a.example")
        self.finish()
        self.successResultOf(resolving)

    def test_threads_are_bounded_and_others_wait(self) -> None:
        hosts = [f"{each}.example" for each in range(MAX_THREADS + 2)]
        self.found = dict.fromkeys(hosts, ("192.0.2.1",))
        resolving = [self.names.resolve(each) for each in hosts]
        self.assertEqual(len(self.started), MAX_THREADS)
        for _ in hosts:
            self.finish()
        for each in resolving:
            self.successResultOf(each)

    def test_so_is_who_waits(self) -> None:
        waiting = [
            self.names.resolve(f"{each}.example") for each in range(MAX_THREADS + MAX_WAITING)
        ]
        self.failureResultOf(self.names.resolve("more.example"), Unavailable)
        self.assertNoResult(self.names.resolve("0.example"))
        for each in waiting:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertNoResult(self.names.resolve("more.example"))

    def test_a_resolver_of_the_program_is_asked(self) -> None:
        class Resolver:
            def resolveHostName(self, receiver: Any, host: str) -> None:
                receiver.addressResolved(IPv4Address("UDP", "192.0.2.7", 0))
                receiver.resolutionComplete()

        self.clock.nameResolver = Resolver()
        self.assertEqual(self.successResultOf(self.names.resolve("any.example")), ("192.0.2.7",))
        self.assertEqual(self.started, [])
