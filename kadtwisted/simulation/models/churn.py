"""How long nodes stay and how long they are away: distributions, and what was measured.

Every distribution here is a Weibull distribution, given by its median and its shape.  Shape 1 is
the exponential distribution, where the past says nothing about the future.  Measured shapes are
below 1: nodes that have stayed for long go on staying, and most newcomers soon leave.

A simulation begins in the middle of a network's life, so its members are in the middle of their
sessions.  :meth:`Spell.draw_rest` draws how much of such a session is left: a long session is met
more often than a short one, at any point of it.

Nothing here changes a population; ``population/turnover.py`` does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.constants import DAY, HOUR, MINUTE
from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import Choice, Duration, Number
from kadtwisted.settings.kinds import Several


class Spell(NamedTuple):
    """A Weibull distribution of times: ``median`` in seconds, and ``shape``."""

    median: float
    shape: float

    @classmethod
    def of_scale(cls, scale: float, shape: float) -> Spell:
        """The distribution with this scale, as most papers give it."""
        return cls(scale * math.log(2) ** (1 / shape), shape)

    @classmethod
    def of_mean(cls, mean: float, shape: float) -> Spell:
        """The distribution with this mean."""
        return cls.of_scale(mean / math.gamma(1 + 1 / shape), shape)

    @property
    def scale(self) -> float:
        """The time that 1/e of all times exceed."""
        return self.median / float(math.log(2) ** (1 / self.shape))

    @property
    def mean(self) -> float:
        """The mean, which is far above the median if the shape is small."""
        return self.scale * math.gamma(1 + 1 / self.shape)

    def draw(self, drawing: random.Random) -> float:
        """A whole time, in seconds."""
        return self.scale * float((-math.log(1 - drawing.random())) ** (1 / self.shape))

    def draw_rest(self, drawing: random.Random) -> float:
        """What is left of a time that has begun, seen at a random moment.

        A random moment falls into a time with a probability in proportion to its length.  So
        (length / scale) ** shape has the gamma distribution of 1 + 1 / shape, and not that of 1.
        """
        stretched = drawing.gammavariate(1 + 1 / self.shape, 1.0)
        return drawing.random() * self.scale * float(stretched ** (1 / self.shape))


class SessionModel(NamedTuple):
    """The distributions of sessions, and of the times between two sessions of a node."""

    session: Spell
    offline: Spell


MODELS: Mapping[str, SessionModel] = MappingProxyType(
    {
        "exponential": SessionModel(Spell(HOUR, 1.0), Spell(HOUR, 1.0)),
        "weibull": SessionModel(Spell(HOUR, 0.5), Spell(HOUR, 0.5)),
        "kad": SessionModel(
            Spell.of_scale(169.5385 * MINUTE, 0.61511), Spell.of_scale(413.6765 * MINUTE, 0.47648)
        ),
        "bittorrent": SessionModel(Spell.of_scale(42 * MINUTE, 0.38), Spell(2 * HOUR, 0.38)),
        "overnet": SessionModel(
            Spell(HOUR, 1.0), Spell.of_mean(DAY / 6.4 - HOUR / math.log(2), 1.0)
        ),
    }
)
"""What ``churn.model`` may be.

``exponential`` and ``weibull`` come from no measurement.  The medians are an hour; the shape of
``weibull`` is 0.5 unless ``churn.shape`` says otherwise.

``kad``: Steiner, En-Najjary and Biersack 2007, "Analyzing peer behavior in KAD" (Eurecom research
report RR-07-205), half a year of crawls every five minutes: their fits to the sessions of a peer
from its second one on, and to the times between sessions, with the figures that other simulators
quote.  The median session is about 93 minutes.

``bittorrent``: near the fits to sessions of BitTorrent peers in Stutzbach and Rejaie 2006,
"Understanding churn in peer-to-peer networks", whose shapes are about 0.35 to 0.6 and scales about
20 to 40 minutes.  The figures here lie in between and are not from that paper.  As there, sessions
are far from exponential; their median is about 16 minutes.  The time between sessions is a guess.

``overnet``: Bhagwan, Savage and Voelker 2003, "Understanding availability": hosts came and went
about 6.4 times a day.  The median session is about an hour, as Rhea et al. 2004, "Handling churn in
a DHT", table 1, report of that study.  That the distributions are exponential is an assumption.
"""


RETURNS = ("never", "new", "same")


@dataclass(frozen=True, slots=True)
class ChurnSettings:
    """When members leave, and what comes after.

    Members leave without a message, because the protocol has none for it: others cannot tell an
    orderly stop from a crash.  The two differ in what a node still has when it comes back.
    """

    model: str = setting(
        "exponential",
        Choice(tuple(MODELS)),
        "The distribution of session times. Some were measured.",
    )
    sessions: tuple[float, ...] = setting(
        (),
        Several(Duration(1.0, 365 * DAY)),
        "Median session times, one for each case. Without them: that of the model.",
    )
    lasts: tuple[float, ...] = setting(
        (HOUR,),
        Several(Duration(1.0, 365 * DAY)),
        "How long each case lasts. The last time holds for all further cases, too.",
    )
    shape: float = setting(
        0.0,
        Number(0, 10),
        "The shape of the distributions: 1 is exponential, 0 means that of the model.",
    )
    returns: str = setting(
        "never",
        Choice(RETURNS),
        "never: when a node leaves, a new node takes its place at once. new, same: the node comes "
        "back after some time, with a new identity or with the same.",
    )
    offline: float = setting(
        0.0,
        Duration(0.0, 365 * DAY),
        "The median time until it comes back. 0 means that of the model.",
    )
    orderly: float = setting(
        0.0,
        Number(0, 1),
        "With returns = same: the share of nodes that still have their records, from 0 to 1.",
    )

    def cases(self) -> list[tuple[SessionModel, float]]:
        """The distributions of each case, and how many seconds it lasts."""
        own = MODELS[self.model]
        medians = self.sessions or (own.session.median,)
        offline = self._shaped(self.offline or own.offline.median, own.offline)
        lasting = [*self.lasts, *self.lasts[-1:] * len(medians)]
        return [
            (SessionModel(self._shaped(each, own.session), offline), lasts)
            for each, lasts in zip(medians, lasting, strict=False)
        ]

    def _shaped(self, median: float, own: Spell) -> Spell:
        return Spell(median, self.shape or own.shape)
