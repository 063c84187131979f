"""No text of another node, process, file or user forges a line or controls a terminal.

Each sink is given a harmless text and a hostile one, and must make as many lines of both.
"""

from __future__ import annotations

import io
import json
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import fail, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from kadtwisted.api import answers, describe_status
from kadtwisted.api.answers import error_from
from kadtwisted.api.operations import Operations
from kadtwisted.application.joining import Joining
from kadtwisted.cli.main import main
from kadtwisted.cli.reactor_run import warnings_to
from kadtwisted.cli.text.progress import Progress
from kadtwisted.daemon import logs
from kadtwisted.daemon.supervision.systemd import STATUS_LENGTH, Notifier
from kadtwisted.daemon.tap import CannotStart, give_up
from kadtwisted.errors import (
    BootstrapFailed,
    ConfigurationError,
    ErrorReply,
    KadtwistedError,
    NotStored,
)
from kadtwisted.model.status import NodeStatus
from kadtwisted.node.counters import FaultLog
from kadtwisted.settings.loading import Configuration
from kadtwisted.settings.plugin_registry import Plugin, PluginRegistry
from tests.cli.harness import Kad, Terminal
from tests.cli.hostile import HOSTILE_TEXTS, VIA, HarmlessTestCase, Sink
from tests.daemon.fakes import CONTACT, FakeNode, a_get, a_ping, a_receipt, a_status


class SinkTests(HarmlessTestCase):
    # --- kad: what other nodes say ------------------------------------------------------------

    def kad(self, *argv: str, node: FakeNode | None = None, terminal: bool = False) -> str:
        kad = Kad(node)
        if terminal:
            kad.stdout = Terminal()
        kad(*argv)
        return kad.printed.decode() + kad.said

    def test_agents(self) -> None:
        for mode in ((), ("--json",)):
            self.assert_harmless(
                lambda text, mode=mode: self.kad(
                    *mode, "ping", "192.0.2.7:8000", node=FakeNode(ping=a_ping(text))
                )
            )

    def test_errors_of_other_nodes(self) -> None:
        for mode in ((), ("--json",)):
            self.assert_harmless(
                lambda text, mode=mode: self.kad(
                    *mode, "get", *VIA, "--key", "name", node=FakeNode(get=ErrorReply(3, text))
                )
            )

    def test_reasons_of_single_nodes(self) -> None:
        def refused(text: str) -> KadtwistedError:
            return NotStored(f"nobody: {text}", {"192.0.2.7:8000": text, text: "full"})

        def kept(text: str) -> Any:
            return a_receipt()._replace(failures={"192.0.2.7:8000": text, text: "full"})

        for answer in (refused, kept):
            for mode in ((), ("--json",)):
                self.assert_harmless(
                    lambda text, mode=mode, answer=answer: self.kad(
                        *(*mode, "store", *VIA, "--key", "name", "--value", "v"),
                        node=FakeNode(put=answer(text)),
                    )
                )

    def test_a_node_that_cannot_join(self) -> None:
        """The warning of ``kad join``, as the log's observer of ``kad`` writes it."""

        def sink(text: str) -> str:
            stderr = io.StringIO()
            observer = warnings_to(stderr)
            globalLogPublisher.addObserver(observer)
            try:
                said = f"no address answered (192.0.2.7:8000: {text})"
                node = FakeNode(bootstrap=[BootstrapFailed(said, {"192.0.2.7:8000": text})])
                joining = Joining(Clock(), lambda: 1.0, lambda result: None)
                joining.start(node, ("192.0.2.7:8000",))
                joining.stop()
            finally:
                globalLogPublisher.removeObserver(observer)
            self.assertIn("no address answered", stderr.getvalue())
            return stderr.getvalue()

        self.assert_harmless(sink)

    def test_faults_of_others_in_the_log_of_kad(self) -> None:
        def sink(text: str) -> str:
            stderr = io.StringIO()
            logger = Logger(namespace=text, observer=warnings_to(stderr))  # type: ignore[arg-type]
            logger.failure("{what}", Failure(RuntimeError(text)), what=text)
            return stderr.getvalue()

        self.assert_harmless(sink)

    def test_values_on_a_terminal(self) -> None:
        self.assert_harmless(
            lambda text: self.kad(
                *("get", *VIA, "--key", "name"),
                node=FakeNode(get=a_get(text.encode("utf-8", "surrogatepass")[:1000])),
                terminal=True,
            )
        )

    def test_traces(self) -> None:
        def traced(text: str) -> Any:
            found = a_get()
            (step, *_) = found.trace.steps
            return found._replace(trace=found.trace._replace(steps=(step._replace(outcome=text),)))

        self.assert_harmless(
            lambda text: self.kad(
                "get", "--trace", *VIA, "--key", "name", node=FakeNode(get=traced(text))
            )
        )

    # --- kad: what another process says -------------------------------------------------------

    def over_the_control_socket(self, verb: str, answer: Any, *mode: str) -> str:
        kad = Kad()
        client = mock.Mock()
        client.perform.side_effect = lambda *_: answer
        kad.connect = lambda path: client
        with (
            tempfile.TemporaryDirectory(prefix="kad") as path,
        ):
            kad(*mode, verb, "--state-dir", path)
        return kad.printed.decode() + kad.said

    def test_a_status_from_elsewhere(self) -> None:
        def status(text: str) -> Any:
            found: NodeStatus = a_status(network=text, counters={f"dropped.{text}": 3})
            described = describe_status.of_status(found)
            return {**described, "addresses": [text], "health_sentence": text, "node_id": text}

        for mode in ((), ("--json",)):
            self.assert_harmless(
                lambda text, mode=mode: self.over_the_control_socket(
                    "status", succeed(status(text)), *mode
                )
            )

    def test_routing_tables_from_elsewhere(self) -> None:
        def routing(text: str) -> Any:
            described = describe_status.of_routing(FakeNode().routing())
            for contact in described["buckets"][0]["contacts"]:
                contact.update(state=text, endpoint=text, node_id=text)
            return {**described, "node_id": text}

        self.assert_harmless(
            lambda text: self.over_the_control_socket("routing", succeed(routing(text)))
        )

    def test_errors_from_elsewhere(self) -> None:
        for kind in ("ErrorReply", "NotStored", "ConfigurationProblems", "Anything"):
            self.assert_harmless(
                lambda text, kind=kind: self.over_the_control_socket(
                    "status",
                    fail(
                        error_from({"type": kind, "message": text, "reasons": {text: [text], 7: 8}})
                    ),
                )
            )

    # --- kad: what files and users say --------------------------------------------------------

    def test_command_lines(self) -> None:
        def sink(*argv: str) -> str:
            with mock.patch.object(sys, "stderr", io.StringIO()) as stderr:
                self.assertEqual(main(argv), 64)
            return stderr.getvalue()

        self.assert_harmless(lambda text: sink(f"--{text}"))
        self.assert_harmless(sink)
        self.assert_harmless(lambda text: sink("--port", text, "status"))
        self.assert_harmless(lambda text: self.kad("ping", text))
        self.assert_harmless(lambda text: self.kad("get", *VIA, "--key", text))
        self.assert_harmless(lambda text: self.kad("store", *VIA, "--key", text, "--value", "v"))
        state_dir = ("--state-dir", self.mktemp())
        self.assert_harmless(lambda text: self.kad("import", *state_dir, text[:50]))
        self.assert_harmless(lambda text: self.kad("simulate", text))

    def written(self, name: str, text: str) -> str:
        directory = Path(self.mktemp())
        directory.mkdir()
        path = directory / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return str(path)

    def test_configuration_files(self) -> None:
        def keys(text: str) -> str:
            return self.kad("config", "check", "--config", self.written("a.toml", quoted(text)))

        def quoted(text: str) -> str:
            # Not a surrogate: TOML has no escape for it.
            escaped = "".join(f"\\U{ord(each):08x}" for each in text if not is_surrogate(each))
            return f'"{escaped}" = 1\n[upkeep]\nrate = "{escaped}"\n'

        self.assert_harmless(keys)
        self.assert_harmless(
            lambda text: self.kad("config", "check", "--config", self.written("b.toml", text[:9]))
        )

    def test_all_mistakes_as_twistd_shows_them(self) -> None:
        def sink(text: str) -> str:
            problem = self.assertRaises(
                ConfigurationError,
                Configuration({"KADTWISTED_PORT": text, f"KADTWISTED_{text}": "1"}).load,
            )
            return str(problem)

        self.assert_harmless(sink)

    def test_saved_results_and_scenarios(self) -> None:
        def saved(text: str) -> str:
            scenario = {"name": text, "about": text, "seed": text, "start": text, "nodes": 1}
            document = {
                **dict.fromkeys(("kadtwisted", "experiment", "level"), text),
                "scenario": scenario,
                "rows": [{text: text, "figure": text}],
                "details": [],
                "notes": [text],
            }
            return self.kad("simulate", self.written("result.json", json.dumps(document)))

        self.assert_harmless(saved)
        self.assert_harmless(
            lambda text: self.kad("simulate", self.written("result.json", json.dumps(text)))
        )
        self.assert_harmless(
            lambda text: self.kad("simulate", self.written("x.toml", f"{text[:9]} = 1"))
        )

    def test_plugins(self) -> None:
        class Hostile(PluginRegistry):
            def __init__(self, text: str) -> None:
                super().__init__(lambda group: ())
                self.text = text

            def broken(self) -> tuple[Plugin, ...]:
                return (Plugin(self.text, "unknown", self.text, None, self.text, self.text),)

        def sink(*argv: str) -> Sink:
            def run(text: str) -> str:
                kad = Kad()
                kad.plugins = Hostile(text)
                kad(*argv)
                return kad.printed.decode() + kad.said

            return run

        self.assert_harmless(sink("plugins"))
        self.assert_harmless(sink("--json", "plugins"))
        self.assert_harmless(sink("export", "--storage", "missing:x", "-"))

    def test_progress(self) -> None:
        def sink(text: str) -> str:
            stream = io.StringIO()
            progress = Progress(stream)
            progress.phase(text, 1)
            progress.step()
            progress.clear()
            return stream.getvalue()

        self.assert_harmless(sink)

    # --- The daemon ---------------------------------------------------------------------------

    def test_every_format_of_the_log(self) -> None:
        def event(text: str) -> Mapping[str, Any]:
            found: list[Any] = []
            logger = Logger(namespace="kadtwisted.x", observer=found.append)  # type: ignore[arg-type]
            error = ErrorReply(3, text)
            logger.failure("{what} {error}", Failure(RuntimeError(text)), what=text, error=error)
            return {**found[0], "log_namespace": "kadtwisted.x"}

        for lines_of in logs.FORMATS.values():
            self.assert_harmless(
                lambda text, lines_of=lines_of: "\n".join(lines_of(dict(event(text))))
            )

    def test_folded_faults(self) -> None:
        def sink(text: str) -> str:
            found: list[Any] = []
            logger = Logger(namespace="kadtwisted.node", observer=found.append)  # type: ignore[arg-type]
            FaultLog(logger, lambda: 0.0).report("kind", text)
            (event,) = found
            self.assertEqual(event["log_level"], LogLevel.warn)
            return "\n".join(logs.as_text(event))

        self.assert_harmless(sink)

    def test_a_daemon_that_cannot_start(self) -> None:
        def sink(text: str) -> str:
            with mock.patch.object(sys, "__stderr__", io.StringIO()) as stderr:
                self.assertRaises(CannotStart, give_up, ConfigurationError(text))
            return stderr.getvalue()

        self.assert_harmless(sink)

    def test_the_status_line_for_the_service_manager(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/notify"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(path)

        def sink(text: str) -> str:
            self.assertTrue(Notifier(path).status(text))
            message = manager.recv(65536).decode()
            self.assertLessEqual(len(message), len("STATUS=") + STATUS_LENGTH)
            return message

        self.assert_harmless(sink)

    def test_answers_on_the_control_socket(self) -> None:
        node = FakeNode(get=ErrorReply(3, HOSTILE_TEXTS[0]), ping=a_ping(HOSTILE_TEXTS[0]))
        failed = self.failureResultOf(Operations(node).perform("get", {"key": "name"}))
        described = answers.of_error(failed.value)
        self.assertTrue(described["message"].isprintable())
        agent = self.successResultOf(
            Operations(node).perform("ping", {"address": str(CONTACT.endpoint)})
        )["agent"]
        self.assertEqual(agent, HOSTILE_TEXTS[0])  # JSON loses nothing


def is_surrogate(character: str) -> bool:
    return 0xD800 <= ord(character) <= 0xDFFF
