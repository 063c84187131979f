"""What a worker does with the process that wants its result; and what a missing library means."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.simulation.sweeps import engines
from kadtwisted.simulation.sweeps.cluster import Cluster


class LeashTests(SynchronousTestCase):
    def test_a_worker_leaves_ctrl_c_to_others_and_ends_with_them(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        leash, held = multiprocessing.Pipe(duplex=False)
        codes: list[int] = []
        with (
            patch.object(engines.os, "_exit", codes.append),
            patch.object(engines.threading, "Thread") as thread,
        ):
            engines.follow(leash)
            self.assertIs(signal.getsignal(signal.SIGINT), signal.SIG_IGN)
            follow, how = thread.call_args.kwargs["target"], thread.call_args.kwargs
            self.assertTrue(how["daemon"])
            held.close()
            follow(*how["args"])
        self.assertEqual(codes, [1])
        leash.close()


class LibraryTests(SynchronousTestCase):
    def test_one_sentence_if_it_is_missing(self) -> None:
        with patch.dict(sys.modules, {"distributed": None}):
            wrong = self.assertRaises(ConfigurationError, Cluster, "tcp://127.0.0.1:1")
        self.assertEqual(str(wrong), "--scheduler needs dask.distributed: pip install distributed")
