"""Writes in groups: all writes that are asked for during one commit are the next one.

A thread does the work, one batch at a time.  So all writers of a batch share the price of one flush
to the disk, and the reactor never waits for it.  The queue is bounded: a write that finds it full
fails at once (:class:`~kadtwisted.errors.StorageBusy`), so no write waits until it is too late.

The thread belongs to this object alone.  The reactor's pool of threads would not do: it also
resolves names, and a name that does not resolve would hold up a commit.  The thread keeps no
process alive: what is still queued when a process ends without closing its storages was not
promised to be stored.
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
"""MAGIC: writes that may wait; a slow disk does a thousand a second, so this is four seconds."""
BATCH = 1024
"""MAGIC: writes of one commit; more would make a batch slower but no write cheaper."""

Commit = Callable[[Sequence[Op]], Sequence[Any]]
"""Performs a batch in the thread and returns when it is durable: for each operation its result, or
the exception that this one fails with.  If it raises, all operations of the batch fail so."""


class _Work(NamedTuple):
    """Work to do between two batches."""

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
        """How many operations wait for their commit to begin; bounded by ``waiting``."""
        return len(self._waiting)

    @property
    def began(self) -> bool:
        """Whether there ever was an operation.  If not, :meth:`close` needs no reactor."""
        return self._pool is not None

    def submit(self, operation: Op) -> Deferred[Any]:
        """Put an operation into the next batch; fires with its result when that is durable.

        Fails with :class:`~kadtwisted.errors.StorageBusy` if the queue is full, and with
        :class:`~kadtwisted.errors.StorageError` after :meth:`close`.
        """
        if len(self._waiting) >= self._max_waiting:
            return fail(StorageBusy(f"{len(self._waiting)} writes wait for the disk; try again"))
        return self._enqueue(operation)

    def exclusively(self, work: Callable[[], T]) -> Deferred[T]:
        """Do this in the thread, after what was asked for before it and before what comes later.

        Fires with what it returns, or fails with what it raises.  The bound does not count for it.
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
        """Do what is queued, then end the thread.  Idempotent."""
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
                self._start(self._run_work, what, [done])
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

    def _start(self, run: Callable[..., None], what: Any, waiting: list[Deferred[Any]]) -> None:
        """Hand work to the thread; the first work makes it."""
        self._busy = True
        pool = self._pool or self._new_pool()
        try:
            pool.callInThread(run, what, waiting)
        except RuntimeError as error:  # a limit of processes, a cgroup's bound of tasks
            self._fail(waiting, StorageError(f"the {self._name} needs a thread: {error}"))
        else:
            self._pool = pool

    def _new_pool(self) -> ThreadPool:
        pool = ThreadPool(0, 1, name=self._name)
        pool.threadFactory = cast(Any, partial(Thread, daemon=True))
        pool.start()
        return pool

    def _fail(self, waiting: list[Deferred[Any]], error: StorageError) -> None:
        """The system grants no thread: so much is not done, and the next work asks it again."""
        self._busy = False
        for done in waiting:
            if not done.called:
                done.errback(error)
        self._go_on()

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

    def _run_work(self, work: _Work, waiting: list[Deferred[Any]]) -> None:
        try:
            result = work.call()
        except Exception as error:
            result = error
        self._reactor.callFromThread(self._done, waiting, [result])

    # --- Back in the reactor's thread --------------------------------------------------------

    def _done(self, waiting: list[Deferred[Any]], results: Sequence[Any]) -> None:
        ahead = bool(self._waiting)
        if ahead:  # the disk works while the callbacks run
            self._busy = False
            self._go_on()
        for done, result in zip(waiting, results, strict=True):
            if not done.called:
                done.callback(Failure(result) if isinstance(result, Exception) else result)
        if not ahead:  # only now, so that all writes of the callbacks are one batch
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
    """A cancelled caller gets CancelledError at once.  The operation itself is not stopped."""
    done.errback(CancelledError())


def _tell(result: None, waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
