from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.shadow.queue import QueuePosition


def test_prints_at_our_price_take_those_ahead_first_then_us() -> None:
    queue = QueuePosition(price=4600, remaining=1000, ahead=2000)
    assert queue.on_print(4600, 1500) == 0
    assert queue.on_print(4600, 501) == 1  # a hundredth of a contract
    assert queue.on_print(4600, 600) == 600
    assert queue.on_print(4600, 9999) == 399
    assert (queue.remaining, queue.ahead) == (0, 0)


def test_a_print_above_our_bid_says_nothing_of_us() -> None:
    queue = QueuePosition(4600, 1000, 0)
    assert queue.on_print(4700, 5000) == 0


def test_a_print_through_our_price_fills_us_up_to_its_size_whoever_was_ahead() -> None:
    queue = QueuePosition(4600, 1000, 30_000)
    assert queue.on_print(4500, 300) == 300
    assert queue.on_print(4600, 800) == 700


def test_the_book_offering_at_our_price_fills_each_contract_shown_once() -> None:
    queue = QueuePosition(4600, 1000, 500)
    assert queue.on_offer(300) == 300
    assert queue.on_offer(300) == 0
    assert queue.on_offer(450) == 150
    assert queue.on_offer(0) == 0
    assert queue.on_offer(200) == 200


def test_a_level_that_shrinks_is_believed_after_it_stood_a_whole_window() -> None:
    queue = QueuePosition(4600, 1000, 2000)
    queue.on_level(500)
    queue.end_window()
    assert queue.ahead == 2000
    queue.end_window()
    assert queue.ahead == 500


def test_who_leaves_is_assumed_to_have_stood_behind_us() -> None:
    queue = QueuePosition(4600, 1000, 1000)
    queue.on_level(4000)  # 3000 joined behind
    queue.end_window()
    queue.on_level(1500)
    queue.end_window()
    queue.end_window()
    assert queue.ahead == 1000


@pytest.mark.parametrize("print_first", [True, False])
def test_a_trade_shrinks_the_queue_once_whichever_channel_tells_it_first(print_first: bool) -> None:
    queue = QueuePosition(4600, 1000, 1000)
    if print_first:
        queue.on_print(4600, 400)
        queue.on_level(600)
        queue.end_window()
    else:
        queue.on_level(600)
        queue.end_window()
        queue.on_print(4600, 400)
    queue.end_window()
    queue.end_window()
    assert queue.ahead == 600


@pytest.mark.parametrize(("remaining", "ahead"), [(0, 0), (-1, 0), (1, -1)])
def test_an_order_of_nothing_is_refused(remaining: int, ahead: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        QueuePosition(4600, remaining, ahead)


@dataclass
class Level:
    """A price level as the exchange keeps it, first in first out, with our order in it as it would truly stand."""

    others: deque[list[int]] = field(default_factory=deque)  # [size left, 1 when ahead of us]

    def shown(self) -> int:
        return sum(size for size, _ in self.others)

    def ahead(self) -> int:
        return sum(size for size, before in self.others if before)

    def trade(self, count: int) -> None:
        while count and self.others:
            taken = min(count, self.others[0][0])
            self.others[0][0] -= taken
            count -= taken
            if not self.others[0][0]:
                self.others.popleft()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 500)),
        st.tuples(st.just("leave"), st.integers(0, 20)),
        st.tuples(st.just("trade"), st.integers(1, 400)),
        st.tuples(st.just("cycle"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(
    st.lists(st.integers(1, 500), max_size=5),
    st.integers(1, 800),
    steps,
    st.sampled_from(["print first", "book first", "a cycle between"]),
)
def test_it_never_fills_before_the_true_queue_would(
    before: list[int], size: int, events: list[tuple[str, int]], order: str
) -> None:
    level = Level(deque([count, 1] for count in before))
    queue = QueuePosition(4600, size, level.shown())
    true_ahead, printed, filled = level.ahead(), 0, 0
    for what, amount in events:
        if what == "join":
            level.others.append([amount, 0])
        elif what == "leave" and level.others:
            left = level.others[amount % len(level.others)]
            if left[1]:
                true_ahead -= min(true_ahead, left[0])
            level.others.remove(left)
        elif what == "trade":
            traded = min(amount, level.shown())
            if not traded:
                continue
            level.trade(traded)
            printed += traded
            if order != "print first":
                queue.on_level(level.shown())
            if order == "a cycle between":
                queue.end_window()
            true_share = max(0, traded - true_ahead)
            true_ahead = max(0, true_ahead - traded)
            got = queue.on_print(4600, traded)
            assert got <= true_share  # never earlier, never more than the truth
            filled += got
        elif what == "cycle":
            queue.end_window()
        queue.on_level(level.shown())
        assert queue.ahead >= true_ahead
        assert filled + queue.remaining == size
        assert filled <= printed


@given(
    st.integers(1, 5000),
    st.integers(0, 5000),
    st.lists(
        st.tuples(st.sampled_from(["print", "through", "offer", "level", "cycle"]), st.integers(0, 3000)), max_size=40
    ),
)
def test_nothing_is_made_whatever_comes(size: int, ahead: int, events: list[tuple[str, int]]) -> None:
    queue, filled, seen = QueuePosition(4600, size, ahead), 0, 0
    for what, amount in events:
        if what == "print":
            got = queue.on_print(4600, amount)
        elif what == "through":
            got = queue.on_print(4500, amount)
        elif what == "offer":
            got = queue.on_offer(amount)
        else:
            got = 0
            queue.on_level(amount) if what == "level" else queue.end_window()
        seen += amount if what in ("print", "through", "offer") else 0
        filled += got
        assert got >= 0 and queue.ahead >= 0
        assert filled + queue.remaining == size
        assert filled <= seen
