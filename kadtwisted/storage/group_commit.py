"""Writes in groups: whatever is asked for while one commit is under way becomes the next one.

A thread of its own does the work, one batch at a time; so as many writers as there are share the
price of one flush to the disk, and the reactor never waits for it.  The queue is bounded: who finds
it full is told so at once (:class:`~kadtwisted.errors.StorageBusy`), and nobody waits for a write
that would come too late.

The thread belongs to this object, because the reactor's own pool is everybody's: a name that does
not resolve would hold up a commit.  It keeps no process alive: one that ends without closing its
storages has promised nothing about what they still had queued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import Any, Generic, NamedTuple, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from kadtwisted.errors import StorageBusy, StorageError

Op = TypeVar("Op")
T = TypeVar("T")

WAITING = 4096
"""MAGIC: writes that may wait; at the thousand a second of a slow disk, four seconds' worth."""
BATCH = 1024
"""MAGIC: writes of one commit; more would make a batch slow without making it cheaper."""

Commit = Callable[[Sequence[Op]], Sequence[Any]]
"""Performs a batch in the thread and returns once it is durable: for each operation its result, or
the exception it fails with.  What it raises, all operations of the batch fail with."""


class _Work(NamedTuple):
    """Something to be done between two batches."""

    call: Callable[[], Any]


class GroupCommit(Generic[Op]):
    """A queue of operations for one thread; ``reactor`` provides ``IReactorFromThreads``."""

    def __init__(
        self,
        reactor: Any,
        commit: Commit[Op],
        *,
        name: str = "storage",
        waiting: int = WAITING,
        batch: int = BATCH,
    ) -> None:
        self._reactor = reactor
        self._commit = commit
        self._name = name
        self._max_waiting = waiting
        self._max_batch = batch
        self._waiting: deque[tuple[Op | _Work, Deferred[Any]]] = deque()
        self._pool: ThreadPool | None = None
        self._busy = False
        self._closing: Deferred[None] | None = None

    def __len__(self) -> int:
        """How many operations wait for a commit that has not begun; bounded by ``waiting``."""
        return len(self._waiting)

    @property
    def began(self) -> bool:
        """Whether anything was ever asked for; if not, it ends at once, and no reactor need run."""
        return self._pool is not None

    def submit(self, operation: Op) -> Deferred[Any]:
        """Put an operation into the next batch; fires with its result once that is durable."""
        if len(self._waiting) >= self._max_waiting:
            return fail(StorageBusy(f"{len(self._waiting)} writes wait for the disk; try again"))
        return self._enqueue(operation)

    def exclusively(self, work: Callable[[], T]) -> Deferred[T]:
        """Do something in the thread, between what was asked for before it and what comes after.

        The bound does not count for it.
        """
        return self._enqueue(_Work(work))

    def _enqueue(self, what: Op | _Work) -> Deferred[Any]:
        if self._closing is not None:
            return fail(StorageError(f"the {self._name} is closed"))
        done: Deferred[Any] = Deferred(_unheard)
        self._waiting.append((what, done))
        self._go_on()
        return done

    def close(self) -> Deferred[None]:
        """Finish what waits, then end the thread.  Idempotent."""
        if self._closing is None:
            self._closing = Deferred()
            if not self._busy:
                self._end()
        waiting: Deferred[None] = Deferred(_unheard)
        self._closing.addCallback(_tell, waiting)
        return waiting

    def _go_on(self) -> None:
        """Begin the next batch, unless one is under way."""
        if self._busy:
            return
        if self._waiting:
            what, done = self._waiting[0]
            if isinstance(what, _Work):
                self._waiting.popleft()
                self._start(self._run_work, what, done)
            else:
                self._start(self._run_batch, *self._next_batch())
        elif self._closing is not None:
            self._end()

    def _next_batch(self) -> tuple[list[Op], list[Deferred[Any]]]:
        operations: list[Op] = []
        waiting: list[Deferred[Any]] = []
        while self._waiting and len(operations) < self._max_batch:
            what, done = self._waiting[0]
            if isinstance(what, _Work):
                break
            self._waiting.popleft()
            operations.append(what)
            waiting.append(done)
        return operations, waiting

    def _start(self, run: Callable[..., None], *arguments: Any) -> None:
        self._busy = True
        if self._pool is None:
            self._pool = ThreadPool(0, 1, name=self._name)
            self._pool.threadFactory = cast(Any, partial(Thread, daemon=True))
            self._pool.start()
        self._pool.callInThread(run, *arguments)

    # --- In the thread -----------------------------------------------------------------------

    def _run_batch(self, operations: list[Op], waiting: list[Deferred[Any]]) -> None:
        results: Sequence[Any]
        try:
            results = self._commit(operations)
            if len(results) != len(operations):
                raise AssertionError(f"{len(results)} results of {len(operations)} operations")
        except Exception as error:
            results = [error] * len(operations)
        self._reactor.callFromThread(self._done, waiting, results)

    def _run_work(self, work: _Work, done: Deferred[Any]) -> None:
        try:
            result = work.call()
        except Exception as error:
            result = error
        self._reactor.callFromThread(self._done, [done], [result])

    # --- Back in the reactor's ---------------------------------------------------------------

    def _done(self, waiting: list[Deferred[Any]], results: Sequence[Any]) -> None:
        ahead = bool(self._waiting)
        if ahead:  # the disk works on while we tell
            self._busy = False
            self._go_on()
        for done, result in zip(waiting, results, strict=True):
            if not done.called:
                done.callback(Failure(result) if isinstance(result, Exception) else result)
        if not ahead:  # now, so that whatever those who were told ask for next is one batch
            self._busy = False
            self._go_on()

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # it is idle: this waits for no work
        closing = self._closing
        if closing is not None and not closing.called:
            closing.callback(None)


def _unheard(done: Deferred[Any]) -> None:
    """Whoever cancels hears so; the operation goes its way."""
    done.errback(CancelledError())


def _tell(result: None, waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
