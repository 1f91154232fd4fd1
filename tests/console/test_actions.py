"""One table of actions: whatever shows or binds keys is made from it."""

from __future__ import annotations

from pathlib import Path

from console.actions import ACTIONS, MISSING, Danger, Needs, available, markdown
from console.app import Console

ROOT = Path(__file__).parents[2]


def test_keys_and_ids_are_unique() -> None:
    assert len({action.key for action in ACTIONS}) == len({action.id for action in ACTIONS}) == len(ACTIONS)


def test_every_action_is_one_of_the_application() -> None:
    for action in ACTIONS:
        assert callable(getattr(Console, f"action_{action.id}"))


def test_nothing_dangerous_sits_on_a_lower_case_letter_or_a_chord() -> None:
    for action in ACTIONS:
        if action.danger is not Danger.NONE:
            assert len(action.key) == 1 and action.key.isupper()


def test_the_keys_of_the_brief_are_there() -> None:
    labels = {action.label for action in ACTIONS}
    assert {"K", "R", "P", "B", "1", "2", "/", "y", "D", "p", "?", "ctrl+p", "q"} <= labels


def test_read_only_has_no_acting_key_not_even_kill() -> None:
    kept = {action.id for action in available(read_only=True)}
    assert kept.isdisjoint({"kill", "release", "pilot", "bundle"})
    assert {"overview", "log", "filter", "quit"} <= kept


def test_what_is_not_built_says_what_is_missing() -> None:
    assert set(MISSING) == {action.id for action in ACTIONS if action.needs is Needs.RUNNER}


def test_the_page_of_keys_is_current() -> None:
    page = ROOT / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run: python -m console.keys --out docs/keys.md"
