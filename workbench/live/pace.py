"""How large the detector's picture is: as large as the preset says where the machine is fast enough, else smaller.

Pure: it is told how long looks took, and says at which size to look next. How often the detector looks needs no rule:
it always takes the newest picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.detectors.options import DetectorOptions

SHARES = (1.0, 0.8, 0.65, 0.5)  # of the wanted size; on the sample clips no face of half a hand's width is lost at 0.5
SMALLEST_PX = 320  # below, the networks' smallest faces would be a tenth of the picture
SLOWER_AFTER_SECONDS = 0.5  # of too slow looks before the size goes down …
FASTER_AFTER_SECONDS = 4.0  # … and of looks with time to spare before it goes up: changes should be rare
SPARE = 0.75  # of the goal, that the next larger size is expected to take
WEIGHT = 0.25  # of the newest look in the mean
LONGEST_SINGLE_LOOK = 3.0  # of the goal, that one look for faces too small for the present size may take


def sizes_of(options: DetectorOptions, long_side_px: int) -> tuple[DetectorOptions, ...]:
    """The options as they are, then ever cheaper ones: without tiles, then for smaller pictures.

    ``long_side_px`` is that of the detector's picture under ``options``.
    """
    plain = options.model_copy(update={"tiles": 1})
    steps = [options] if options.tiles == 1 else [options, plain]
    for share in SHARES[1:]:
        size = max(-(-round(long_side_px * share) // 32) * 32, min(SMALLEST_PX, long_side_px))
        step = plain.model_copy(update={"image_size": size})
        if size < long_side_px and step not in steps:
            steps.append(step)
    return tuple(steps)


class Pace:
    """Chooses among ``costs``: how many pixels each size means, largest first."""

    def __init__(self, costs: Sequence[float]) -> None:
        self.level = 0
        self.wanted = 0  # where it is heading
        self._costs = list(costs)
        self._seconds: list[float | None] = [None for _ in costs]  # mean per picture, where it was tried
        self._out_of_line_since = 0.0
        self._direction = 0

    def took(self, level: int, seconds: float) -> None:
        """A look at that level took so long a picture."""
        before = self._seconds[level]
        self._seconds[level] = seconds if before is None else before + WEIGHT * (seconds - before)

    def expected_seconds(self, level: int) -> float:
        """How long a look is expected to take a picture: measured, or in proportion to one that was; 0: unknown."""
        known = self._seconds[level]
        if known is not None:
            return known
        tried = [(abs(other - level), other) for other, seconds in enumerate(self._seconds) if seconds is not None]
        if not tried:
            return 0.0
        nearest = min(tried)[1]
        return (self._seconds[nearest] or 0.0) * self._costs[level] / self._costs[nearest]

    def adapt(self, now: float, *, pictures: int, goal_seconds: float) -> None:
        """Change the level when looking at ``pictures`` one after another stays out of line with the goal."""
        self.wanted = self._wanted(pictures, goal_seconds)
        direction = (self.wanted > self.level) - (self.wanted < self.level)
        if direction != self._direction or not direction:
            self._direction, self._out_of_line_since = direction, now
            return
        patience = SLOWER_AFTER_SECONDS if direction > 0 else FASTER_AFTER_SECONDS
        if now - self._out_of_line_since >= patience:
            self.level = self.wanted
            self._out_of_line_since = now

    def _wanted(self, pictures: int, goal_seconds: float) -> int:
        """The level that suits: as small as it must be at once, one larger where there is time to spare."""
        last = len(self._costs) - 1
        if pictures * self.expected_seconds(self.level) > goal_seconds:
            fitting = (
                each for each in range(self.level, last) if pictures * self.expected_seconds(each) <= goal_seconds
            )
            return next(fitting, last)
        if self.level and pictures * self.expected_seconds(self.level - 1) < SPARE * goal_seconds:
            return self.level - 1
        return self.level

    def is_quick(self, level: int, *, goal_seconds: float) -> bool:
        """Whether a single look at that level is short enough to be slipped in."""
        return self.expected_seconds(level) <= LONGEST_SINGLE_LOOK * goal_seconds
