"""The results of every experiment have the names that the document gives them."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.scenario.catalogue import presets
from tests.simulation.playing import played
from tests.simulation.test_document import section


class NameTests(SynchronousTestCase):
    """The page names all settings and all figures, and no others."""

    def test_results(self) -> None:
        text = section("Results")
        named = dict.fromkeys(re.findall(r"`(\w+)`", text))
        for preset in presets():
            found = played(preset)
            for name in (*found, *found["rows"][0]):
                ending = next((each for each in ("_p95", "_mean") if name.endswith(each)), "_p50")
                start = name.removesuffix(ending)
                self.assertTrue(
                    name in named or (f"{start}_p50" in named and f"`{ending}`" in text),
                    f"{preset}: {name}",
                )
