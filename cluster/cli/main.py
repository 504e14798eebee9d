"""`giornata`: finds the command, runs it, and turns errors into one line and an exit code.

Each command is a module of its own that is imported when it is called, so that `--help` and listing styles
need not wait for torch or Ray.
"""

import difflib
import os
import sys
from dataclasses import dataclass
from importlib import import_module

from giornata import __version__
from giornata.cluster.cli.exits import EXPECTED, Exit, code_of


@dataclass(frozen=True)
class CommandEntry:
    """The module, the purpose and the app of a command."""

    module: str
    purpose: str
    app: str = "app"


COMMANDS = {
    "render": CommandEntry("render", "Style one picture, in this process."),
    "run": CommandEntry("run", "Render a whole batch and wait for it; run again to go on where it stopped."),
    "init": CommandEntry("init", "Write a commented spec and sample pictures to begin with."),
    "up": CommandEntry("up", "Start the service that people submit to."),
    "submit": CommandEntry("submit", "Hand a batch to the service."),
    "ls": CommandEntry("jobs", "List jobs, the newest first.", "ls_app"),
    "show": CommandEntry("jobs", "Everything about one job.", "show_app"),
    "watch": CommandEntry("submit", "Follow a job until it ends.", "watch_app"),
    "wait": CommandEntry("submit", "Wait for a job; the exit code says how it ended.", "wait_app"),
    "items": CommandEntry("jobs", "List the items of a job.", "items_app"),
    "logs": CommandEntry("jobs", "What happened to one item, attempt by attempt.", "logs_app"),
    "pause": CommandEntry("control", "Let running items end and start no others.", "pause_app"),
    "resume": CommandEntry("control", "Go on with a paused job.", "resume_app"),
    "cancel": CommandEntry("control", "Stop a job at its next tile.", "cancel_app"),
    "retry": CommandEntry("control", "Queue failed items again.", "retry_app"),
    "skip": CommandEntry("control", "Leave items out.", "skip_app"),
    "set": CommandEntry("control", "Change a job's priority or most workers.", "set_app"),
    "verify": CommandEntry("maintenance", "Read every delivered file again and compare.", "verify_app"),
    "report": CommandEntry("maintenance", "Write one HTML page about a job.", "report_app"),
    "recover": CommandEntry(
        "maintenance", "Take over what a dead manager left; audit all jobs.", "recover_app"
    ),
    "gc": CommandEntry("maintenance", "Remove what dead processes left behind.", "gc_app"),
    "workers": CommandEntry("control", "List, drain, block and unblock workers."),
    "plan": CommandEntry(
        "run", "Say what a batch would do: names, collisions, tiles, time. Renders nothing.", "plan_app"
    ),
    "styles": CommandEntry("styles", "List, show, verify and train styles."),
    "doctor": CommandEntry("doctor", "Check what the program stands on."),
    "demo": CommandEntry("demo", "Render a batch of real photographs in several styles."),
    "evaluate": CommandEntry(
        "evaluate", "Measure how good the pictures are, beside floors and other networks."
    ),
    "bench": CommandEntry("bench", "Measure tiles, blocks and batches against named alternatives."),
}


def usage() -> str:
    """The text that `giornata --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.purpose}" for name, command in COMMANDS.items()]
    head = "Usage: giornata COMMAND [OPTIONS]\n\nBatches of neural style transfer; tiled equals whole."
    return "\n".join([head, "", "Commands:", *lines, "", "giornata COMMAND --help says more."])


def main() -> None:
    """Entry point; always ends by `SystemExit`."""
    # Read when torch is loaded. Threads that spin for each other are 20 times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    raise SystemExit(dispatch(sys.argv[1:]))


def dispatch(arguments: list[str]) -> int:
    """Run the command that `arguments` begin with; returns the exit code."""
    word = arguments[0] if arguments else "--help"
    if word in ("--help", "-h"):
        print(usage())  # noqa: T201
        return Exit.DONE
    if word == "--version":
        print(f"giornata {__version__}")  # noqa: T201
        return Exit.DONE
    if word not in COMMANDS:
        return complain(
            f"got the command {word!r}, needed one of {', '.join(COMMANDS)}{hint(word)}", Exit.USAGE
        )
    return carry_out(word, arguments[1:])


def carry_out(word: str, arguments: list[str]) -> int:
    """Import the command and run it, translating its errors into exit codes."""
    command = COMMANDS[word]
    app = getattr(import_module(f"giornata.cluster.cli.{command.module}"), command.app)
    try:
        app(arguments, prog_name=f"giornata {word}")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else Exit.DONE
    except KeyboardInterrupt:
        return complain("stopped", Exit.CANCELLED)
    except EXPECTED as error:
        return complain(str(error), code_of(error))
    return Exit.DONE


def hint(word: str) -> str:
    """The closest command as a question; empty without one."""
    close = difflib.get_close_matches(word, COMMANDS, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def complain(message: str, code: Exit) -> int:
    """Write the message to standard error on one line; returns `code`."""
    print(f"giornata: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
