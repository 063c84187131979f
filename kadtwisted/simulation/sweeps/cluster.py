"""An engine on many machines: workers at a scheduler of dask.distributed, if that is installed.

Here runs are handed to the scheduler, a bounded number at a time.  The scheduler finds workers, and
gives what a lost worker had to another one.  Scheduler and workers are started and ended by whoever
owns the machines.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from kadtwisted.errors import ConfigurationError, LocalError
from kadtwisted.simulation.sweeps.plan import Run
from kadtwisted.simulation.sweeps.running import Ended
from kadtwisted.simulation.sweeps.work import attempt, this_program, trouble_of

AHEAD = 2
"""Runs handed over for each thread of the workers, so that none waits for us."""
CONNECTING = 10.0
"""Seconds, as of the time limit of other verbs of ``kad``."""


class NoCluster(LocalError):
    """The scheduler does not answer."""


def require() -> Any:
    """The library; :class:`~kadtwisted.errors.ConfigurationError` if it is missing."""
    try:
        return import_module("distributed")
    except ImportError:
        raise ConfigurationError(
            "--scheduler needs dask.distributed: pip install distributed"
        ) from None


class Cluster:
    """Runs at the workers of the scheduler at ``address``, such as ``tcp://10.0.0.1:8786``, which
    must answer within ``patience`` seconds."""

    def __init__(self, address: str, patience: float = CONNECTING) -> None:
        dask = require()
        self._address = address
        # Its own words about lost connections would stand between ours.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self._client = dask.Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise NoCluster(
                f"no scheduler of dask answers at {address}: {trouble_of(error)}"
            ) from error
        self._busy: dict[Any, Run] = {}
        # Filled by a thread of the library, with no more than has begun.
        self._done: SimpleQueue[Any] = SimpleQueue()

    def room(self) -> int:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        if self._client.status != "running":
            raise NoCluster(
                f"the scheduler at {self._address} does not answer any more; once it does, give "
                "the same command again: what is done is kept"
            )
        threads = sum(self._client.nthreads().values())
        return int(max(1, AHEAD * threads)) - len(self._busy)

    def begin(self, run: Run) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        key = f"kadtwisted-{run.number}-{uuid4().hex}"
        future = self._client.submit(attempt, run.scenario, this_program(), key=key, pure=False)
        self._busy[future] = run
        future.add_done_callback(self._done.put)

    def ended(self, seconds: float) -> list[Ended]:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        found: list[Ended] = []
        with suppress(Empty):
            found.append(self._end(self._done.get(timeout=seconds)))
            while True:
                found.append(self._end(self._done.get_nowait()))
        return found

    def _end(self, future: Any) -> Ended:
        run = self._busy.pop(future)
        try:
            return Ended(run, *future.result(timeout=CONNECTING))
        except Exception as error:  # whatever the library, or a worker's machine, comes up with
            return Ended(run, trouble=trouble_of(error))
        finally:
            future.release()

    def close(self) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`.  A run that a worker has begun
        goes on to its end there, and its result is thrown away."""
        if self._busy and self._client.status == "running":
            self._client.cancel(list(self._busy))
        self._busy = {}
        self._client.close(timeout=CONNECTING)
