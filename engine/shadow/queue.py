"""Where one paper order stands in the queue of its price, and what of the market's flow would have filled it. Pure.

Our own size is never in the book we see, so at our price the book shows the others: those *ahead* (there before us)
and those behind. What happens to a level, and what is made of it:

- A print at our price takes from those ahead first; what is left of it fills us.
- A print beyond our price means that the whole level, and so we, would have been taken first: nobody is ahead any
  more, and the print fills us up to its own size.
- The book offering at our price or better (it moved through us) would have traded with us: it fills us up to the size
  offered, each displayed contract once.
- A level that shrinks without prints was cancelled. A book does not say by whom, so we assume the *last* in line left:
  those ahead are only known to have gone when fewer are shown than we have ahead. This errs towards fewer fills.
- A print and the shrinking it causes come on different channels, in either order. So a level is believed only after
  it has stood for a whole window (a cycle): a print shrinks the queue at once, a smaller level only when every print
  that could explain it has had that long to come. A print is never counted twice; a fill is never early.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.money import Count, Price


@dataclass(slots=True)
class QueuePosition:
    """One order's place. Prices on the scale of its own side."""

    price: Price
    remaining: Count
    ahead: Count
    """What the level showed when the order joined it, less what has gone since."""
    _shown: Count = -1
    _most_shown: Count = -1
    _taken: Count = 0
    """Of what the book offers at our price or better now, what has already filled us."""

    def __post_init__(self) -> None:
        if self.remaining <= 0 or self.ahead < 0:
            raise ValueError(f"order of {self.remaining} behind {self.ahead}: counts must be positive")
        self._shown = self._most_shown = self.ahead

    def on_print(self, price: Price, count: Count) -> Count:
        """A print of `count` that took bids of our side at `price`; returns how much of it fills us."""
        if price > self.price or count <= 0:
            return 0
        if price < self.price:
            self.ahead = 0
        used = min(self.ahead, count)
        self.ahead -= used
        return self._fill(count - used)

    def on_level(self, shown: Count) -> None:
        """The book shows `shown` contracts of others at our price."""
        self._shown = shown
        self._most_shown = max(self._most_shown, shown)

    def on_offer(self, offered: Count) -> Count:
        """The book offers `offered` at our price or better (0 when it does not); returns how much of it fills us."""
        self._taken = min(self._taken, offered)
        if offered == 0:
            return 0
        self.ahead = 0
        filled = self._fill(offered - self._taken)
        self._taken += filled
        return filled

    def end_window(self) -> None:
        """A cycle has passed: who has been gone for all of it is gone."""
        self.ahead = min(self.ahead, self._most_shown)
        self._most_shown = self._shown

    def _fill(self, available: Count) -> Count:
        filled = min(self.remaining, available)
        self.remaining -= filled
        assert filled >= 0 and self.remaining >= 0
        return filled
