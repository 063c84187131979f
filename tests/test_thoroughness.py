"""One variable chooses the sizes of all tests."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.thoroughness import VARIABLE, sized


class SizeTests(SynchronousTestCase):
    def test_the_variable_chooses(self) -> None:
        others = {name: value for name, value in os.environ.items() if name != VARIABLE}
        for chosen, size in (({}, 1), ({VARIABLE: ""}, 1), ({VARIABLE: "thorough"}, 1000)):
            self.patch(os, "environ", others | chosen)
            self.assertEqual(sized(1, 1000), size)

    def test_a_word_that_means_nothing(self) -> None:
        self.patch(os, "environ", {VARIABLE: "through"})
        self.assertRaises(ValueError, sized, 1, 1000)
