"""Several mistakes are told in one go."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.settings.problems import Problems


def refuse(*sentences: str) -> int:
    if len(sentences) > 1:
        raise ConfigurationProblems(sentences)
    raise ConfigurationError(*sentences)


class ProblemsTests(unittest.SynchronousTestCase):
    def test_no_news_is_good_news(self) -> None:
        problems = Problems()
        self.assertEqual(problems.of("--port", lambda: 7), 7)
        problems.tell()

    def test_one_is_one_sentence_several_are_a_line_each(self) -> None:
        problems = Problems()
        problems.add("FILE", "no TOML")
        wrong = self.assertRaises(ConfigurationError, problems.tell)
        self.assertEqual(str(wrong), "FILE: no TOML")
        self.assertIsNone(problems.of("--port", lambda: refuse("too large")))
        self.assertIsNone(problems.of("--bootstrap", lambda: refuse("a is none", "b is none")))
        wrong = self.assertRaises(ConfigurationProblems, problems.tell)
        self.assertEqual(
            wrong.problems,
            ("FILE: no TOML", "--port: too large", "--bootstrap: a is none",
             "--bootstrap: b is none"),
        )  # fmt: skip
        self.assertEqual(str(wrong).splitlines(), list(wrong.problems))

    def test_those_of_another_are_kept_and_left_alone(self) -> None:
        earlier = Problems()
        earlier.add("A", "wrong")
        later = Problems(earlier)
        later.add("B", "wrong, too")
        wrong = self.assertRaises(ConfigurationProblems, later.tell)
        self.assertEqual(wrong.problems, ("A: wrong", "B: wrong, too"))
        self.assertEqual(
            self.assertRaises(ConfigurationProblems, earlier.tell).problems, ("A: wrong",)
        )

    def test_faults_of_ours_are_no_problems(self) -> None:
        self.assertRaises(ZeroDivisionError, Problems().of, "A", lambda: 1 // 0)
