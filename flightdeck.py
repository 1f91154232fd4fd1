"""The roof: the command line. Plain data; a command's module is imported when it runs, and never for `--help`."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

# name, "module:function", what a person reads in --help (empty: started by other commands, not by people)
COMMANDS = (
    ("console", "console.main:main", "open the console on a home (also without any command)"),
    ("demo", "runners.demo:main", "simulated exchange, supervisor, engine and console, all in one"),
    ("up", "engine.supervisor.main:main", "run the supervisor, which runs the engine"),
    ("down", "engine.supervisor.down:main", "stop supervisor and engine, and wait until they are gone"),
    ("kill", "flightdeck:kill", "on | clear | start | status: stop everything; go again in two acts"),
    ("status", "console.status:main", "what the console shows, as text or --json"),
    ("logs", "console.logs:main", "print or --follow a journal"),
    ("files", "state.commands.files:main", "every file of a home: model, writer, how old it may grow"),
    ("schema", "state.commands.schema:main", "write or check the JSON Schemas of the files"),
    ("config", "state.commands.config:main", "explain each setting and where it comes from"),
    ("exchange", "engine.venues.simulated.main:main", "a simulated exchange on loopback that speaks Kalshi"),
    ("cancel", "engine.cancel:main", "cancel what rests at the exchange and verify it"),
    ("flatten", "engine.flatten:main", "close every position, reduce-only, under a kill that is verified"),
    ("accept", "engine.accept:main", "take over a position that our fills do not explain, as named, with a reason"),
    ("drill", "runners.drill:main", "the kill through each of its paths, on a simulated desk, timed"),
    ("engine", "engine.main:main", ""),
)
USAGE, IO_ERROR, CONFIG = 2, 74, 78


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; without a command, open the console."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv else "console"
    if name in {"-h", "--help", "help"}:
        return run("flightdeck:usage", [])
    if name == "--version":
        return run("flightdeck:version", [])
    if name.startswith("-"):
        return run("console.main:main", argv)
    for command, target, _ in COMMANDS:
        if command == name:
            return run(target, argv[1:])
    print(f"flightdeck: no command {name!r}; see: flightdeck --help", file=sys.stderr)
    return USAGE


def run(target: str, argv: list[str]) -> int:
    """Import "module:function" and call it. What is wrong with where it prints to is told in one line."""
    module, function = target.split(":")
    # httpx would import its own command line, with click and rich: a fifth of an engine's or a cancel's start
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    try:
        try:
            gc.disable()  # nothing that is imported is garbage, and none of it is looked through again
            command = getattr(import_module(module), function)
            gc.freeze()
            gc.enable()
            code: int = command(argv)
        except SystemExit as ended:  # argparse: 0 after --help, 2 for what it does not know
            code = ended.code if isinstance(ended.code, int) else USAGE
        if sys.stdout is not None:  # closed by `>&-`
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        code = 141  # a reader that went away
    except OSError as error:  # a full disk behind stdout, or what a command did not expect
        print(f"flightdeck: {error}", file=sys.stderr)
        code = IO_ERROR
    sys.stdout = None  # or the interpreter tries again, and complains
    return code


def kill(argv: list[str]) -> int:
    """`flightdeck kill`, and for `on --cancel` afterwards `flightdeck cancel` on the same home."""
    code = run("state.commands.kill:main", argv)
    if "on" in argv and "--cancel" in argv and code not in (USAGE, CONFIG):  # all the more where none could be placed
        home = [word for at, word in enumerate(argv) if word.startswith("--home") or argv[at - 1 : at] == ["--home"]]
        return run("engine.cancel:main", home) or code
    return code


def usage(_: list[str]) -> int:
    """Print the text of --help."""
    lines = [f"  {name:<10}{text}" for name, _, text in COMMANDS if text]
    print(
        "\n".join(
            [
                "usage: flightdeck [COMMAND] [--home PATH] ...",
                "",
                "The console and runtime of a small trading operation. Without a command: the console.",
                "",
                *lines,
                "",
                "flightdeck COMMAND --help tells more. In the console: ? for help, K stops everything at once.",
            ]
        )
    )
    return 0


def version(_: list[str]) -> int:
    """Print the version of what is installed."""
    from importlib.metadata import version as installed

    print(f"flightdeck {installed('flightdeck')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
