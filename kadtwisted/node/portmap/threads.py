"""Calls that wait, in threads that hold up no stop.

Twisted's own pool is waited for when the reactor stops; a daemon thread is not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from kadtwisted.errors import Unavailable

T = TypeVar("T")


def in_thread(reactor: Any, call: Callable[[], T]) -> Deferred[T]:
    """What ``call`` returns or raises, in a thread of its own.

    Fails with :class:`~kadtwisted.errors.Unavailable` if the system grants no thread.
    """
    done: Deferred[T] = Deferred()

    def run() -> None:
        result: T | Failure
        try:
            result = call()
        except Exception:
            result = Failure()
        reactor.callFromThread(end, result)

    def end(result: T | Failure) -> None:
        if not done.called:  # else its caller waits no more
            done.callback(result)

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError as error:  # a limit of processes
        return fail(Unavailable(f"the system grants no thread: {error}"))
    return done
