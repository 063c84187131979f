"""Variables that Kubernetes sets for a Service whose name begins as ours."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from kadtwisted.settings.problems import Problems
from kadtwisted.settings.sources import hints_of, of_environment

ADDRESS = "udp://10.96.0.7:8000"


def service(prefix: str) -> dict[str, str]:
    """What a container is given for one Service with a named port."""
    return {
        f"{prefix}_SERVICE_HOST": "10.96.0.7",
        f"{prefix}_SERVICE_PORT": "8000",
        f"{prefix}_SERVICE_PORT_KAD": "8000",
        f"{prefix}_PORT": ADDRESS,
        f"{prefix}_PORT_8000_UDP": ADDRESS,
        f"{prefix}_PORT_8000_UDP_PROTO": "udp",
        f"{prefix}_PORT_8000_UDP_PORT": "8000",
        f"{prefix}_PORT_8000_UDP_ADDR": "10.96.0.7",
    }


class ServiceVariableTests(unittest.SynchronousTestCase):
    def read(self, environ: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        """What is read, and what is wrong."""
        problems = Problems()
        found = {raw.place: raw.value for raw in of_environment(environ, Path("/"), problems)}
        return found, list(problems._found)

    def test_they_are_passed_over_with_one_hint(self) -> None:
        for name in ("KADTWISTED", "KADTWISTED_SEED", "KADTWISTED_LOG", "KADTWISTED_A_PORT_1"):
            environ = service(name)
            self.assertEqual(self.read(environ), ({}, []), name)
            (hint,) = hints_of(environ)
            self.assertIn("enableServiceLinks: false", hint)
        self.assertEqual(len(hints_of(service("KADTWISTED") | service("KADTWISTED_SEED"))), 1)
        self.assertEqual(hints_of({"KADTWISTED_PORT": "8000", "PATH": "/bin"}), ())

    def test_a_port_that_the_pod_says_itself_is_ours(self) -> None:
        environ = service("KADTWISTED") | {"KADTWISTED_PORT": "8001"}
        self.assertEqual(self.read(environ), ({"KADTWISTED_PORT": "8001"}, []))

    def test_mistakes_are_still_told(self) -> None:
        for name, text in (
            ("KADTWISTED_PROT", "8000"),
            ("KADTWISTED_SERVICE_HOST", "10.96.0.7"),  # without an address it is of no Service
            ("KADTWISTED_PORT_8000_UDP_ADDR", "10.96.0.7"),
            ("KADTWISTED_LOG_LEVLE", "debug"),
        ):
            (problem,) = self.read({name: text})[1]
            self.assertTrue(problem.startswith(f"{name}: there is no such"), problem)
        (problem,) = self.read(service("KADTWISTED_SEED") | {"KADTWISTED_SEEDS": "x"})[1]
        self.assertTrue(problem.startswith("KADTWISTED_SEEDS: "), problem)
