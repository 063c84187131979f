"""How long nodes stay, and how long they are away: distributions, and what was measured of them.

Every distribution here is a Weibull one, told by its median and its shape; a shape of 1 is the
exponential one, where the past says nothing about the future.  Measured shapes are below 1: who
has stayed for long stays on, while most of those who just came are soon gone.

A population that is looked at has been there before.  So its members are in the middle of their
sessions, and :meth:`Spell.draw_rest` draws how much is left of such a one: longer sessions are met
more often, at a point spread evenly over them.

Nothing here changes a population: ``turnover`` does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.model.fields import setting
from kadtwisted.model.value_kinds import Choice, Duration, Number
from kadtwisted.parameters import DAY, HOUR, MINUTE
from kadtwisted.settings.kinds import Several


class Spell(NamedTuple):
    """A Weibull distribution of times: ``median`` in seconds, and ``shape``."""

    median: float
    shape: float

    @classmethod
    def of_scale(cls, scale: float, shape: float) -> Spell:
        """That of this scale, as most papers tell it."""
        return cls(scale * math.log(2) ** (1 / shape), shape)

    @classmethod
    def of_mean(cls, mean: float, shape: float) -> Spell:
        """That of this mean."""
        return cls.of_scale(mean / math.gamma(1 + 1 / shape), shape)

    @property
    def scale(self) -> float:
        """The time that a part of 1/e outlasts."""
        return self.median / float(math.log(2) ** (1 / self.shape))

    @property
    def mean(self) -> float:
        """The mean; far above the median where the shape is small."""
        return self.scale * math.gamma(1 + 1 / self.shape)

    def draw(self, drawing: random.Random) -> float:
        """A whole time, in seconds."""
        return self.scale * float((-math.log(1 - drawing.random())) ** (1 / self.shape))

    def draw_rest(self, drawing: random.Random) -> float:
        """What is left of a time that is under way at a moment picked at random.

        Such a time is drawn in proportion to its length: its (length / scale) ** shape then has the
        gamma distribution of 1 + 1 / shape, where that of any time has that of 1.
        """
        stretched = drawing.gammavariate(1 + 1 / self.shape, 1.0)
        return drawing.random() * self.scale * float(stretched ** (1 / self.shape))


class SessionModel(NamedTuple):
    """Sessions, and the times between those of one node."""

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

``exponential`` and ``weibull``: no measurement; the medians are an hour, the shape of the second is
0.5 unless ``churn.shape`` says otherwise.

``kad``: Steiner, En-Najjary and Biersack 2007, "Analyzing peer behavior in KAD" (Eurecom research
report RR-07-205), half a year of crawls every five minutes: the fits to sessions from a peer's
second one on, and to the times between sessions.  The figures as they are quoted by other
simulators of peer-to-peer networks.  Reproduces a median session of about 93 minutes.

``bittorrent``: about the fits to sessions of BitTorrent peers in Stutzbach and Rejaie 2006,
"Understanding churn in peer-to-peer networks": shapes of about 0.35 to 0.6, scales of about 20 to
40 minutes; here one in between, not a figure of that paper.  Reproduces its finding that sessions
are far from exponential, with a median of about 16 minutes.  The time between sessions is a guess.

``overnet``: Bhagwan, Savage and Voelker 2003, "Understanding availability": hosts came and went
about 6.4 times a day.  The median session is about an hour, as Rhea et al. 2004, "Handling churn in
a DHT", table 1, tell it of that study; that the distributions are exponential is an assumption.
"""


RETURNS = ("never", "new", "same")


@dataclass(frozen=True, slots=True)
class ChurnSettings:
    """Who leaves when, and what comes after.

    Whoever leaves does so without a word: the protocol has no goodbye, so to others an orderly stop
    and a crash are one thing.  They differ in what a node still has when it comes back.
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
        """The distributions of each case, and how long it goes on."""
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
