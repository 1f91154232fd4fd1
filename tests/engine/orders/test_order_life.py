"""Any order and any repetition of the same evidence ends in the same state, and never in a false end."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.orders.life import Evidence, Fate, Filled, NothingRests, Order, Ours, OwnFill, Plan, State, Told
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.wire import BookSide

RESTING, CANCELED, EXECUTED = OrderStatus.RESTING, OrderStatus.CANCELED, OrderStatus.EXECUTED
PLAN = Plan("fd-1-000001", "T-1", BookSide.BID, 4_000, 300, datetime(2026, 11, 17, 19, tzinfo=UTC))
NEW = Order(PLAN)


def told(status: OrderStatus, filled: int = 0, at_ms: int = 1, order_id: str = "x-1") -> Told:
    return Told(order_id, status, filled, 300 - filled if status is RESTING else 0, at_ms)


def fill(name: str = "t-1", count: int = 100, at_ms: int = 1) -> Filled:
    return Filled("x-1", OwnFill(name, count, 4_000, 1_700, at_ms))


def after(*evidence: Evidence) -> Order:
    return reduce(Order.after, evidence, NEW)


evidences = st.one_of(
    st.builds(Ours, st.sampled_from(Fate), st.sampled_from(["", "timed out", "denied"])),
    st.builds(
        told, st.sampled_from(OrderStatus), st.sampled_from([0, 100, 200, 300]), st.integers(0, 4), st.just("x-1")
    ),
    st.builds(fill, st.sampled_from(["t-1", "t-2", "t-3"]), st.sampled_from([100, 200]), st.integers(0, 3)),
    st.builds(NothingRests, st.just("x-1"), st.sampled_from([0, 100])),
)


@given(st.lists(evidences, max_size=12).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))), st.data())
def test_any_order_and_repetition_ends_in_the_same_state(both: tuple[list[Evidence], list[Evidence]], data) -> None:
    one, other = both
    again = data.draw(st.lists(st.sampled_from(one), max_size=5)) if one else []
    assert after(*one) == after(*other, *again)


@given(st.lists(evidences, max_size=12), evidences)
def test_what_has_ended_at_the_exchange_never_rests_again(known: list[Evidence], more: Evidence) -> None:
    over = {State.FILLED, State.CANCELLED, State.ENDING}
    if after(*known).state in over:
        assert after(*known, more).state in over


@given(st.lists(evidences, max_size=12))
def test_cancelled_never_stands_while_a_fill_is_outstanding(known: list[Evidence]) -> None:
    order = after(*known)
    if order.state is State.CANCELLED:
        assert order.missing == 0
        assert order.filled_here == order.filled


@given(st.lists(evidences, max_size=12))
def test_what_the_exchange_knows_is_never_rejected_or_not_sent(known: list[Evidence]) -> None:
    if any(not isinstance(each, Ours) for each in known):
        local = {State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED, State.UNRESOLVED}
        assert after(*known).state not in local


SENT = Ours(Fate.SENT)
STATES = {
    "only intended": ((), State.INTENDED),
    "left": ((SENT,), State.SENT),
    "denied at the last look": ((Ours(Fate.NOT_SENT, "denied"),), State.NOT_SENT),
    "refused": ((SENT, Ours(Fate.REJECTED, "400")), State.REJECTED),
    "no answer": ((SENT, Ours(Fate.UNRESOLVED, "timed out")), State.UNRESOLVED),
    "no answer, never there": ((Ours(Fate.UNRESOLVED), Ours(Fate.NEVER_ACCEPTED)), State.NEVER_ACCEPTED),
    "no answer, but a frame": ((SENT, told(RESTING), Ours(Fate.UNRESOLVED)), State.RESTING),
    "never there, and yet listed": ((Ours(Fate.NEVER_ACCEPTED), told(RESTING)), State.RESTING),
    "acknowledged": ((SENT, told(RESTING)), State.RESTING),
    "filled in part": ((told(RESTING), told(RESTING, 100, 2), fill()), State.PARTLY_FILLED),
    "a fill before its frame": ((told(RESTING), fill()), State.PARTLY_FILLED),
    "a fill before the acknowledgement": ((SENT, fill(), told(RESTING)), State.PARTLY_FILLED),
    "filled": ((told(EXECUTED, 300, 2), fill("t-1", 200), fill("t-2", 100)), State.FILLED),
    "filled by its fills alone": ((told(RESTING), fill("t-1", 300)), State.FILLED),
    "executed, one fill missing": ((told(EXECUTED, 300, 2), fill("t-1", 200)), State.ENDING),
    "cancelled": ((told(RESTING), told(CANCELED, 0, 2)), State.CANCELLED),
    "cancelled, an old listing after it": ((told(CANCELED, 0, 5), told(RESTING, 0, 1)), State.CANCELLED),
    "cancelled, a listing of the same instant": ((told(CANCELED, 0, 5), told(RESTING, 0, 5)), State.CANCELLED),
    "cancelled after a fill not here yet": ((told(CANCELED, 100, 2),), State.ENDING),
    "cancelled after a fill": ((told(CANCELED, 100, 2), fill()), State.CANCELLED),
    "cancel ack without a time": ((told(RESTING, 100, 9), fill(), told(CANCELED, 100, 0)), State.CANCELLED),
    "the cancel ack says less than a fill that came": ((told(CANCELED, 0, 2), fill()), State.CANCELLED),
    "cancel acknowledged": ((told(RESTING), NothingRests("x-1", 0)), State.GONE),
    "cancel acknowledged, and shown": ((NothingRests("x-1", 100), told(CANCELED, 100, 2), fill()), State.CANCELLED),
    "cancel acknowledged, a fill missing": ((NothingRests("x-1", 100), told(CANCELED, 0, 2)), State.ENDING),
    "404 on cancel": ((told(RESTING), NothingRests("x-1")), State.GONE),
    "404 on cancel, an old listing": ((NothingRests("x-1"), told(RESTING, 0, 9)), State.GONE),
    "404 on cancel, then told": ((NothingRests("x-1"), told(CANCELED, 0, 2)), State.CANCELLED),
    "404 on cancel of a filled one": ((NothingRests("x-1"), told(EXECUTED, 300, 2), fill("t", 300)), State.FILLED),
    "an IOC without liquidity": ((SENT, told(CANCELED, 0, 2)), State.CANCELLED),
}


@pytest.mark.parametrize(("evidence", "state"), STATES.values(), ids=STATES)
def test_what_evidence_amounts_to(evidence: tuple[Evidence, ...], state: State) -> None:
    assert after(*evidence).state is state


def test_a_fill_told_twice_counts_once() -> None:
    assert after(told(RESTING), fill(), fill(), fill()).filled == 100


def test_the_latest_word_is_that_of_the_exchange_s_own_time() -> None:
    order = after(told(RESTING, 200, 7), told(RESTING, 100, 3))
    assert order.word is not None
    assert (order.word.filled, order.word.at_ms) == (200, 7)


def test_two_orders_of_one_intent_are_seen() -> None:
    assert len(after(told(RESTING), told(RESTING, order_id="x-2")).order_ids) == 2
