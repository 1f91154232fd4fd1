"""Every action of the console, in one table: keys, footer, help, palette, docs and read-only mode are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Danger(Enum):
    """What an action can do to the world. A read-only console has none but NONE."""

    NONE = "looks only"
    ACTS = "starts a runner"
    STOPS = "stops at once"
    RAISES = "can raise risk: asks for typed words"


class Needs(StrEnum):
    """What must be there for an action to be possible."""

    NOTHING = "nothing"
    TABLE = "a list on this screen"
    LOG = "the log screen"
    RUNNER = "a runner that is not built yet"


@dataclass(frozen=True, slots=True)
class Action:
    """One action: `id` names `action_<id>` of the application, `title` stands in the footer."""

    id: str
    key: str
    title: str
    help: str
    danger: Danger = Danger.NONE
    needs: Needs = Needs.NOTHING
    footer: bool = True
    shown_key: str = ""

    @property
    def label(self) -> str:
        """The key as people read it."""
        return self.shown_key or self.key


KILL = Action("kill", "K", "kill", "engage the kill switch at once, without a dialog", Danger.STOPS, shown_key="K")
ACTIONS = (
    Action("overview", "1", "overview", "gates, engine, positions, exchange, events"),
    Action("log", "2", "log", "any journal: followed, filtered, searched"),
    KILL,
    Action(
        "release", "R", "release", "clear the kill switch, then start trading: two acts, typed words", Danger.RAISES
    ),
    Action("pilot", "P", "pilot", "trade a few real contracts", Danger.RAISES, Needs.RUNNER),
    Action("bundle", "B", "bundle", "pack the evidence of the day into one archive", Danger.ACTS, Needs.RUNNER),
    Action("filter", "slash", "filter", "show only what holds a text; Esc shows all again", shown_key="/"),
    Action("search", "s", "search", "mark what holds a text and jump to it", needs=Needs.LOG, footer=False),
    Action("next", "n", "older match", "to the next match upwards", needs=Needs.LOG, footer=False),
    Action("previous", "N", "newer match", "to the next match downwards", needs=Needs.LOG, footer=False),
    Action("pause", "p", "pause", "hold the lists still; the top line goes on", footer=True),
    Action(
        "turn",
        "tab",
        "turn",
        "next page of the overview on a small terminal, next journal of the log",
        shown_key="Tab",
    ),
    Action("copy", "y", "copy", "copy the row to the clipboard (OSC 52) and to a file"),
    Action("dump", "D", "dump", "write the screen as text to a file", footer=False),
    Action("help", "question_mark", "help", "keys, symbols, files", shown_key="?"),
    Action("palette", "ctrl+p", "palette", "find an action by name", footer=False, shown_key="ctrl+p"),
    Action("quit", "q", "quit", "leave; whatever runs goes on running"),
)
OPENS_TEXT = frozenset(action.key for action in ACTIONS if action.id in ("filter", "search"))
"""The keys that may open a line to type in."""
MISSING = {
    "pilot": "this build has no pilot runner yet: paper trading and the kill switch work, the pilot cannot be launched",
    "bundle": "this build has no bundle runner yet: the files of the day lie below the home",
}
"""Why an action that is on the keys is not possible yet."""


def available(*, read_only: bool) -> tuple[Action, ...]:
    """The actions of a console; a read-only one has no acting key, K included."""
    return tuple(action for action in ACTIONS if not read_only or action.danger is Danger.NONE)


def markdown() -> str:
    """The page `docs/keys.md`."""
    rows = [
        f"| `{each.label}` | {each.title} | {each.help} | {each.danger.value} | {_needs(each)} |" for each in ACTIONS
    ]
    return "\n".join([*_HEAD, *rows, *_FOOT])


def _needs(action: Action) -> str:
    return "" if action.needs is Needs.NOTHING else action.needs.value


_HEAD = (
    "# Keys of the console",
    "",
    "Made from the table in `console/actions.py` by `python -m console.keys --out docs/keys.md`.",
    "",
    "| key | action | what it does | danger | needs |",
    "|---|---|---|---|---|",
)
_FOOT = (
    "",
    "Lists: arrows or `j` `k`, `PgUp` `PgDn`, `Home` `End`; `Enter` opens a line. `Esc` closes, never quits;",
    "`ctrl+c` quits. In a text field letters are text, `K` too: `Esc` first, then `K`, as fast as you like.",
    "To a terminal `Alt-K` is the same as these two: it kills everywhere.",
    '`--read-only` removes every key whose danger is not "looks only", `K` too.',
    "Without the console: `flightdeck kill on`.",
    "",
)
