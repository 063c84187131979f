"""Options before and after the verb; whatever is wrong is one sentence and code 64."""

from __future__ import annotations

import io
import sys

from twisted.trial import unittest

from kadtwisted.cli.arguments import make_parser, read_command_line
from kadtwisted.cli.main import main
from kadtwisted.cli.parser import Misuse, Wanted


class ParserTests(unittest.SynchronousTestCase):
    def test_defaults(self) -> None:
        parsed = make_parser().parse_args(["get", "--key", "name"])
        self.assertEqual(
            (parsed.port, parsed.interface, parsed.network, parsed.json, parsed.timeout),
            (None, None, None, False, None),
        )
        self.assertEqual(parsed.patience, 10.0)
        self.assertEqual(
            (parsed.bootstrap, parsed.module, parsed.function), ([], "records.values", "get")
        )

    def test_global_options_on_either_side_of_the_verb(self) -> None:
        options = ["--port", "8002", "--interface", "::1", "--network", "fleet", "--json",
                   "--network-secret-file", "f", "--state-dir", "d", "--timeout", "2m"]  # fmt: skip
        verb = ["get", "--key", "name"]
        before = make_parser().parse_args([*options, *verb])
        after = make_parser().parse_args([*verb, *options])
        self.assertEqual(before, after)
        self.assertEqual((before.port, before.timeout, before.interface), (8002, 120.0, ["::1"]))

    def test_only_the_parser_of_the_verb_is_made(self) -> None:
        parser = make_parser(frozenset(["set", "name", "--pin", "3"]))
        self.assertEqual(sorted(parser.verbs), ["put", "set", "store"])
        for line in (["set", "name", "value", "--pin", "3"], ["--port", "1", "get", "status"],
                     ["providers", "room", "--all"], ["config", "show", "--json"]):  # fmt: skip
            alone, among_all = (make_parser(each) for each in (frozenset(line), None))
            self.assertEqual(alone.parse_args(line), among_all.parse_args(line), line)

    def test_advice_knows_all_verbs(self) -> None:
        wrong = self.assertRaises(Misuse, read_command_line, ["gett", "name"])
        self.assertIn("did you mean get?", str(wrong))
        for line in (["--help"], ["--help", "get"]):
            wanted = self.assertRaises(Wanted, read_command_line, line)
            self.assertIn("simulate", str(wanted))

    def test_an_option_after_the_verb_wins(self) -> None:
        parsed = make_parser().parse_args(["--port", "1", "get", "--key", "name", "--port", "2"])
        self.assertEqual(parsed.port, 2)

    def test_a_demo_has_patience(self) -> None:
        parsed = make_parser().parse_args(["demo"])
        self.assertEqual((parsed.nodes, parsed.seed, parsed.patience), (60, None, 120.0))
        parsed = make_parser().parse_args(
            ["--timeout", "5", "demo", "--nodes", "3", "--seed", "-1"]
        )
        self.assertEqual((parsed.nodes, parsed.seed, parsed.timeout), (3, -1, 5.0))

    def test_transfers_are_patient(self) -> None:
        parsed = make_parser().parse_args(["export"])
        self.assertEqual((parsed.file, parsed.storage, parsed.patience), ("-", None, 3600.0))
        parsed = make_parser().parse_args(["import", "f", "--storage", "lmdb:/x"])
        self.assertEqual((parsed.file, parsed.storage), ("f", "lmdb:/x"))

    def test_times(self) -> None:
        for text, expected in (("0.5", 0.5), ("90m", 5400.0), ("24h", 86400.0), ("2d", 172800.0),
                               ("7s", 7.0)):  # fmt: skip
            parsed = make_parser().parse_args(
                ["store", "--key", "k", "--value", "v", "--lifetime", text]
            )
            self.assertEqual(parsed.lifetime, expected)


class UsageTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "stderr", self.stderr)

    def test_mistakes(self) -> None:
        for argv in (
            [],
            ["fly"],
            ["get"],
            ["get", "--key", "k", "surplus"],
            ["get", "--ke", "k"],
            ["--port", "70000", "status"],
            ["--port", "x", "status"],
            ["--timeout", "0", "status"],
            ["--timeout", "inf", "status"],
            ["--timeout", "soon", "status"],
            ["--timeout", "-1h", "status"],
            ["ping"],
            ["demo", "--nodes", "2"],
            ["demo", "--nodes", "101"],
            ["demo", "--nodes", "many"],
            ["demo", "--seed", "x"],
        ):
            self.stderr.truncate(0)
            self.stderr.seek(0)
            self.assertEqual(main(argv), 64, argv)
            said = self.stderr.getvalue()
            self.assertTrue(said.startswith("kad: "), said)
            self.assertEqual(said.count("\n"), 1, said)

    def complaint(self, *argv: str) -> str:
        self.stderr.truncate(0)
        self.stderr.seek(0)
        self.assertEqual(main(argv), 64, argv)
        return self.stderr.getvalue()

    def test_a_slip_of_the_pen_gets_the_word_that_was_meant(self) -> None:
        for argv, meant in (
            (("stroe", "k", "v"), "there is no verb 'stroe'; did you mean store?"),
            (("gte", "k"), "there is no verb 'gte'; did you mean get?"),
            (("statsu",), "there is no verb 'statsu'; did you mean status?"),
            (("--json", "rotuing"), "there is no verb 'rotuing'; did you mean routing?"),
            (("put", "k", "v", "--lifetme", "1h"), "no option '--lifetme'; did you mean --lif"),
            (("put", "k", "v", "--lifetme=1h"), "no option '--lifetme'; did you mean --lif"),
            (("status", "--state-dri", "d"), "no option '--state-dri'; did you mean --state-dir?"),
            (("wait", "--for", "isoltaed"), "no verdict 'isoltaed'; did you mean isolated?"),
        ):
            self.assertIn(meant, self.complaint(*argv), argv)

    def test_what_counts_needs_something_to_count(self) -> None:
        said = self.complaint("status", "--count", "3")
        self.assertEqual(said, "kad: --count goes with --watch only (see kad status --help)\n")
        watched = read_command_line(["status", "--watch", "--count", "3"])
        self.assertEqual((watched.watch, watched.count), (2.0, 3))

    def test_what_is_like_nothing_gets_no_guess(self) -> None:
        for argv in (("qqqqqq",), ("status", "--qqqqqq"), ("wait", "--for", "qqqqqq")):
            self.assertNotIn("did you mean", self.complaint(*argv), argv)

    def test_what_is_guessed_is_no_control_sequence(self) -> None:
        said = self.complaint("stat\x1b[2Jus\n")
        self.assertTrue(said[:-1].isprintable(), said)

    def test_help_and_version(self) -> None:
        self.assertEqual(main(["--help"]), 0)
        self.assertIn("find-node", self.stdout.getvalue())
        self.assertEqual(main(["get", "--help"]), 0)
        self.assertEqual(main(["--version"]), 0)
        self.assertIn("kad 0.", self.stdout.getvalue())
