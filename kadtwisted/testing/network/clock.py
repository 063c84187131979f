"""A clock for tests and simulations: time moves only when it is told to.

The clock decides the order of events: the earliest comes first; of events at the same moment, the
one that was scheduled (or rescheduled) first.  Each event sees its own moment, while
``task.Clock.advance`` shows the final moment to all.  The clock never sleeps and never reads the
machine's clocks.

If a callback raises an error, the clock logs it and goes on, as the real reactor does; under trial
a logged error fails the test.

The heap holds ``(moment, order, call, None)``.  A call that is cancelled or moved leaves its old
entry behind, which has another order number than the call; there are never many more such entries
than pending calls.  What is posted cannot be cancelled or moved: its entry is ``(moment, order,
function, arguments)``.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from types import MappingProxyType
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python import log
from zope.interface import implementer
from zope.interface.verify import verifyClass

_CALLED = -1
_CANCELLED = -2
_NONE: Mapping[str, object] = MappingProxyType({})
_SLACK = 64
"""MAGIC: so many left-over entries may stay in a small heap; profiles of tiny heaps would settle
it."""


@implementer(IDelayedCall)
class HeapCall:
    """One scheduled call; made by :meth:`HeapClock.callLater` only."""

    __slots__ = ("_arguments", "_clock", "_function", "_keywords", "_order", "_when")

    def __init__(
        self,
        clock: HeapClock,
        when: float,
        function: Callable[..., Any],
        arguments: tuple[object, ...],
        keywords: Mapping[str, object],
    ) -> None:
        self._clock = clock
        self._when = when
        self._order = _CALLED  # until the clock files it
        self._function: Callable[..., Any] | None = function
        self._arguments = arguments
        self._keywords = keywords

    def getTime(self) -> float:
        """The moment of the call, in seconds of its clock."""
        return self._when

    def active(self) -> bool:
        """Whether the call is still to be made."""
        return self._order >= 0

    def cancel(self) -> None:
        """Cancel the call; ``AlreadyCalled`` or ``AlreadyCancelled`` if it is too late."""
        self._check_active()
        self._end(_CANCELLED)
        self._clock._left_behind()

    def reset(self, secondsFromNow: float) -> None:
        """Move the call to ``secondsFromNow`` from now; fails as :meth:`cancel` does."""
        self._check_active()
        self._clock._move(self, self._clock._now + secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        """Move the call by ``secondsLater``; fails as :meth:`cancel` does."""
        self._check_active()
        self._clock._move(self, self._when + secondsLater)

    def _check_active(self) -> None:
        if self._order == _CANCELLED:
            raise AlreadyCancelled
        if self._order == _CALLED:
            raise AlreadyCalled

    def _end(self, state: int) -> None:
        """Leave the clock, and free the function and its arguments."""
        self._order = state
        self._clock._pending -= 1
        self._function = None
        self._arguments = ()
        self._keywords = _NONE

    def __repr__(self) -> str:
        state = {_CALLED: "called", _CANCELLED: "cancelled"}.get(self._order, "pending")
        return f"<HeapCall at {self._when}, {state}: {self._function!r}>"


verifyClass(IDelayedCall, HeapCall)


@implementer(IReactorTime)
class HeapClock:
    """Time for a whole simulated network; fast with 100,000 pending calls.

    ``start`` is the first moment in seconds; it may be any number, as with a monotonic clock.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._heap: list[tuple[float, int, Any, tuple[object, ...] | None]] = []
        self._filed = 0
        self._pending = 0

    def seconds(self) -> float:
        """The present moment; inside a call, the moment of that call."""
        return self._now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - as IReactorTime names it
        *args: object,
        **kwargs: object,
    ) -> HeapCall:
        """Call ``callable(*args, **kwargs)`` in ``delay`` seconds.

        A negative delay or something that cannot be called is an ``AssertionError``, as with the
        real reactor.
        """
        assert builtins.callable(callable), f"{callable!r} is not callable"
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        when = self._now + delay
        call = HeapCall(self, when, callable, args, kwargs or _NONE)
        self._pending += 1
        order = call._order = self._filed
        self._filed = order + 1
        heappush(self._heap, (when, order, call, None))
        return call

    def post(self, delay: float, function: Callable[..., Any], *arguments: object) -> None:
        """As :meth:`callLater`, of something that is never cancelled nor moved: most of a simulated
        network's events are datagrams that arrive."""
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        self._pending += 1
        order = self._filed
        self._filed = order + 1
        heappush(self._heap, (self._now + delay, order, function, arguments))

    def getDelayedCalls(self) -> Sequence[HeapCall]:
        """Every call still to be made, in no particular order; not what was posted."""
        heap = self._heap
        return [call for _, order, call, posted in heap if posted is None and call._order == order]

    def pending(self) -> int:
        """How many calls are still to be made, those that were posted included."""
        return self._pending

    def heap_size(self) -> int:
        """Entries in the heap, those left behind included: at most ``2 * pending() + 64``."""
        return len(self._heap)

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds`` and make every call due by then; negative is ``ValueError``."""
        self.run_until(self._now + seconds)

    def run_until(self, moment: float) -> None:
        """Make every call due up to ``moment``, which is the present afterwards.

        This includes calls that are scheduled meanwhile.  A moment in the past is ``ValueError``.
        """
        if moment < self._now:
            raise ValueError(f"time does not run backwards, from {self._now} to {moment}")
        heap = self._heap
        while heap and heap[0][0] <= moment:
            when, order, due, arguments = heappop(heap)
            if arguments is None:
                if due._order != order:
                    continue
                function, arguments, keywords = due._function, due._arguments, due._keywords
                due._end(_CALLED)
            else:
                function, keywords = due, _NONE
                self._pending -= 1
            self._now = max(self._now, when)  # a call can be moved into the past
            try:
                if keywords:
                    function(*arguments, **keywords)
                else:
                    function(*arguments)
            except Exception:
                log.err(None, "Unexpected error in a delayed call")
        self._now = max(self._now, moment)  # a call may have moved the clock itself

    def _file(self, call: HeapCall) -> None:
        order = call._order = self._filed
        self._filed = order + 1
        heappush(self._heap, (call._when, order, call, None))

    def _move(self, call: HeapCall, when: float) -> None:
        call._when = when
        self._file(call)
        self._left_behind()

    def _left_behind(self) -> None:
        """An entry has lost its call: clean the heap if most entries have."""
        heap = self._heap
        if len(heap) > 2 * self._pending + _SLACK:
            # In place: run_until holds this very list.
            heap[:] = [e for e in heap if e[3] is not None or e[2]._order == e[1]]
            heapify(heap)


verifyClass(IReactorTime, HeapClock)
