"""``kad doctor``: each thing that may be wrong is found, and what to do is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kadtwisted.api import describe_status
from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.verbs.eyes import doctor
from kadtwisted.cli.verbs.eyes.findings import Finding, of_status, of_unit
from kadtwisted.cli.verbs.eyes.machine import Directory, Machine
from kadtwisted.errors import NodeStopped, RequestTimedOut
from kadtwisted.model.health import Health
from tests.cli.harness import FakeClient, Kad
from tests.cli.verbs.test_running import RunningTestCase
from tests.daemon.fakes import a_status

UNIT = (Path(__file__).resolve().parents[4] / "etc" / "kademlia.service").read_text()
WELL = {"links": a_status().links[:1]}


def found(name: str, **changes: Any) -> Finding:
    """What is found of that name in the status of a node."""
    status = describe_status.of_status(a_status(**WELL | changes))
    return next(each for each in of_status(status) if each.name == name)


class DoctorCase(RunningTestCase):
    """A machine that is a directory; all is well on it."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.path / "root"
        self.write("proc/sys/net/core/rmem_max", "4194304\n")
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.write("etc/systemd/system/kademlia.service", UNIT)
        self.state = self.path / "state"
        self.state.mkdir(mode=0o700)
        self.file = self.path / "node.toml"
        self.file.write_text('bootstrap = ["192.0.2.7:8000"]\n')
        self.node.answers["status"] = a_status(**WELL)
        self.patch(doctor, "Machine", lambda: Machine(self.root))

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def ask(self, *more: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        """The exit code, and the findings by their names."""
        self.kad = Kad()
        self.kad.environ["KADTWISTED_CONFIG"] = str(self.file)
        code = self.run_kad("doctor", "--json", "--state-dir", str(self.state), *more)
        told: dict[str, list[dict[str, str]]] = {}
        for each in json.loads(self.kad.printed)["findings"]:
            told.setdefault(each["name"], []).append(each)
        return code, told

    def fail_status(self, error: BaseException) -> None:
        def status() -> Any:
            raise error

        self.node.status = status  # type: ignore[method-assign]

    def state_of(self, name: str) -> str:
        _, told = self.ask()
        return told[name][0]["state"]


class DoctorTests(DoctorCase):
    """A machine and its node."""

    def test_all_is_well(self) -> None:
        code, told = self.ask()
        self.assertEqual(code, 0)
        states = {name: {each["state"] for each in of} for name, of in told.items()}
        self.assertEqual(states.pop("reachability"), {"note"})
        self.assertEqual({state for of in states.values() for state in of}, {"ok"}, states)

    def test_for_people_each_advice_stands_below_what_it_is_for(self) -> None:
        self.write("proc/sys/net/core/rmem_max", "212992\n")
        self.kad.environ["KADTWISTED_CONFIG"] = str(self.file)
        self.assertEqual(self.run_kad("doctor", "--state-dir", str(self.state)), 0)
        lines = self.kad.printed.decode().splitlines()
        (place,) = (n for n, line in enumerate(lines) if line.startswith("WARN  buffers"))
        self.assertIn("208.0 KiB for datagrams, not 4.0 MiB", lines[place])
        self.assertIn("-> sysctl -w net.core.rmem_max=4194304", lines[place + 1])
        self.assertEqual(lines[-1], "1 to look at.")

    def test_no_node_and_its_port(self) -> None:
        self.kad = Kad()
        self.kad.environ["KADTWISTED_CONFIG"] = str(self.file)
        with patch.object(Machine, "port_is_free", lambda _, port: port != 8000):
            self.assertEqual(self.kad("doctor", "--state-dir", str(self.state)), 69)
        self.assertIn(b"no running node answers", self.kad.printed)
        self.assertIn(b"another program has UDP port 8000", self.kad.printed)
        self.assertIn(b"systemctl start kademlia", self.kad.printed)

    def test_a_node_that_is_held_up_is_the_one_that_has_the_port(self) -> None:
        self.fail_status(OutOfTime())
        with patch.object(Machine, "port_is_free", lambda *_: False):
            code, told = self.ask()
        self.assertEqual((code, told["node"][0]["state"]), (69, "bad"))
        self.assertIn("has not answered within 10 s", told["node"][0]["found"])
        self.assertIn("look at its log", told["node"][0]["advice"])
        self.assertIn("buffers", told)
        self.assertNotIn("port", told)

    def test_what_to_do_about_a_gateway_is_nothing_on_this_machine(self) -> None:
        for error, words in (
            (ControlUnavailable("no gateway answers"), "http.listen"),
            (NodeStopped(), "http.listen"),
            (ControlRefused("it refuses"), "--token-file"),
            (OutOfTime(), "look at its log"),
        ):
            self.kad = Kad(self.node)
            self.fail_status(error)
            self.assertEqual(self.kad("doctor", "--json", "--node", "http://192.0.2.1:8480"), 69)
            (told,) = self.kad.json["findings"]
            self.assertIn(words, told["advice"])
            self.assertNotIn("systemctl", told["advice"])

    def test_a_node_of_another_user(self) -> None:
        def connect(path: Path) -> FakeClient:
            raise ControlRefused("it belongs to root")

        self.kad.connect = connect
        self.assertEqual(self.kad("doctor", "--state-dir", str(self.state)), 69)
        self.assertIn(b"as the user of the node", self.kad.printed)
        self.assertNotIn(b"UDP port", self.kad.printed)  # for the node has it

    def test_bootstraps_that_are_silent(self) -> None:
        self.node.answers["ping"] = RequestTimedOut("192.0.2.7:8000 did not answer in time")
        code, told = self.ask()
        self.assertEqual((code, told["bootstrap"][0]["state"]), (0, "warn"))
        self.assertIn("does that node run", told["bootstrap"][0]["advice"])

    def test_a_configuration_that_is_wrong(self) -> None:
        self.file.write_text("porf = 1\n")
        code, told = self.ask()
        self.assertEqual(code, 78)
        self.assertEqual(told["settings"][0]["state"], "bad")

    def test_a_state_directory_others_may_write_to(self) -> None:
        self.state.chmod(0o777)
        code, told = self.ask()
        self.assertEqual((code, told["state"][0]["advice"]), (78, f"chmod 700 {self.state}"))

    def test_a_full_disk(self) -> None:
        full = Directory(self.state, False, os.getuid(), 1024, 0.5)
        with patch.object(Machine, "directory", lambda *_: full):
            code, told = self.ask()
        self.assertEqual((code, told["state"][0]["advice"]), (78, "make room there"))

    def test_a_directory_that_is_read_only(self) -> None:
        self.state.chmod(0o500)
        self.addCleanup(self.state.chmod, 0o700)
        code, told = self.ask()
        self.assertEqual((code, told["state"][0]["state"]), (78, "bad"))
        self.assertIn("nothing can be written", told["state"][0]["found"])

    def test_settings_without_a_bootstrap_address_are_not_the_whole_truth(self) -> None:
        self.file.write_text("")
        _, told = self.ask()
        self.assertIn("command line", told["bootstrap"][0]["found"])

    def test_a_directory_that_is_not_there(self) -> None:
        with patch.object(Machine, "directory", lambda *_: None):
            self.assertEqual(self.state_of("state"), "note")

    def test_units(self) -> None:
        self.write("etc/systemd/system/kademlia.service", "[Service]\nExecStart=twistd\n")
        self.assertEqual(self.state_of("unit"), "warn")
        self.assertEqual(of_unit(None, True).state, "note")
        self.assertEqual(of_unit(None, False).state, "note")

    def test_through_a_gateway_this_machine_is_none_of_its_business(self) -> None:
        self.node.answers["status"] = a_status(**WELL)
        self.kad.node = self.node
        self.assertEqual(self.kad("doctor", "--node", "http://192.0.2.1:8480"), 0)
        self.assertIn(b"verdict", self.kad.printed)
        for name in (b"buffers", b"unit", b"settings"):
            self.assertNotIn(name, self.kad.printed)


class StatusTests(DoctorCase):
    """What a node says of itself."""

    def test_every_verdict_but_one_is_bad_and_has_an_advice(self) -> None:
        for health in Health:
            verdict = found("verdict", health=health.word)
            wanted = ("ok", False) if health is Health.SERVING else ("bad", True)
            self.assertEqual((verdict.state, bool(verdict.advice)), wanted)

    def test_each_fault_is_found(self) -> None:
        link = a_status().links[0]
        for name, state, changes in (
            ("port", "bad", {"links": (link._replace(listening=None),)}),
            ("contacts", "warn", {"links": (link._replace(contacts=1),)}),
            ("clock", "bad", {"clock_ahead": 200.0}),
            ("clock", "note", {"clock_ahead": None}),
            ("records", "warn", {"storage_full": True}),
            ("records", "warn", {"replication_kept": False}),
            ("records", "bad", {"own_records_kept": False}),
            ("records", "warn", {"lost_records": 2}),
            ("records", "bad", {"records_below_pin": 1}),
        ):
            fault = found(name, **changes)
            self.assertEqual(fault.state, state, fault)
            self.assertTrue(fault.advice or state == "note", fault)

    def test_who_cannot_be_reached_is_told_what_to_open(self) -> None:
        status = describe_status.of_status(a_status(**WELL))
        for verdict, state in (("unreachable", "warn"), ("reachable", "ok"), ("unknown", "note")):
            status["links"][0]["reachability"] = {"verdict": verdict}
            (told,) = (each for each in of_status(status) if each.name == "reachability")
            self.assertEqual(told.state, state)


class MachineTests(DoctorCase):
    """What is read of the machine."""

    def test_what_cannot_be_read_is_not_known(self) -> None:
        nowhere = Machine(self.path / "nowhere")
        self.assertIsNone(nowhere.receive_buffer())
        self.assertIsNone(nowhere.unit())
        self.assertIsNone(nowhere.directory(self.path / "nowhere"))
        self.assertFalse(nowhere.has_systemd())
        self.write("proc/sys/net/core/rmem_max", "many\n")
        self.assertIsNone(Machine(self.root).receive_buffer())

    def test_a_directory(self) -> None:
        told = Machine(self.root).directory(self.state)
        assert told is not None
        self.assertEqual((told.path, told.others_write), (self.state, False))
        self.assertEqual(told.owner, os.getuid())
        self.assertGreater(told.bytes_free, 0)
        self.assertIsNone(Machine(self.root).directory(self.file))
