"""The reference pages of the documents, written from the models and the commands: `make docs`."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from giornata.cluster.app import create_app
from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import COMMANDS
from giornata.cluster.service.auth import Access
from giornata.cluster.service.local import job_service_on
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore

NOTE = "<!-- written by `make docs` -->"
Schema = Mapping[str, Any]


def spec_page() -> str:
    """Every key of a spec: one table for the job, and one for each group below it."""
    schema = JobSpec.model_json_schema()
    groups = {name: one for name, one in schema["$defs"].items() if "properties" in one}
    parts = [f"# The keys of a spec\n\n{NOTE}\n", *_group("The job", schema, schema["$defs"])]
    for name in sorted(groups):
        parts += _group(name, groups[name], schema["$defs"])
    return "\n".join(parts)


def _group(name: str, group: Schema, definitions: Schema) -> Iterator[str]:
    words = group.get("description", "").split("\n\n")[0].replace("\n", " ")
    needed = group.get("required", ())
    yield f"## {name}\n\n{words}\n"
    yield "| key | value | default |\n|---|---|---|"
    for key, field in group["properties"].items():
        default = "needed" if key in needed else _default(field)
        yield f"| `{key}` | {_cell(_value(field, definitions))} | {_cell(default)} |"
    yield ""


def _value(field: Schema, definitions: Schema) -> str:
    """What a key takes, in words: its own, those of a choice, or the group that it is."""
    if "description" in field:
        return str(field["description"]) + _of_group(field)
    for name in _names(field):
        if "enum" in definitions[name]:
            return ", ".join(f"`{one}`" for one in definitions[name]["enum"])
    return (_of_group(field) or str(field.get("type", "any value"))).removeprefix("; ")


def _of_group(field: Schema) -> str:
    names = [name for name in _names(field) if name != "Share"]
    return "".join(f"; see {name}" for name in names)


def _names(field: Schema) -> list[str]:
    """The definitions that a field refers to, directly, in a list or as one of several."""
    places = [field, field.get("items", {}), *field.get("anyOf", ())]
    places += [one.get("items", {}) for one in field.get("anyOf", ())]
    return list(dict.fromkeys(one["$ref"].rpartition("/")[2] for one in places if "$ref" in one))


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, [], {}, ""):
        return ""
    return "each key's own" if isinstance(default, dict | list) else f"`{json.dumps(default).strip(chr(34))}`"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def cli_page() -> str:
    """Every command with its arguments and options."""
    parts = [f"# The commands\n\n{NOTE}\n"]
    for word, entry in COMMANDS.items():
        app: typer.Typer = getattr(import_module(f"giornata.cluster.cli.{entry.module}"), entry.app)
        parts += _command(f"giornata {word}", typer.main.get_command(app), entry.purpose)
    return "\n".join(parts)


def _command(name: str, command: Any, purpose: str = "") -> Iterator[str]:
    words = purpose or (command.help or "").split("\n\n")[0].replace("\n", " ")
    yield f"## {name}\n\n{words}\n"
    if hasattr(command, "commands"):  # Typer brings a click of its own, so types tell nothing
        for sub, found in command.commands.items():
            if not found.hidden:
                yield from _command(f"{name} {sub}", found)
        return
    rows = [_row(one) for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    if rows:
        yield "| option | what |\n|---|---|"
        yield from rows
        yield ""


def _row(parameter: Any) -> str:
    names = [parameter.name] if parameter.param_type_name == "argument" else parameter.opts
    words = " or ".join(f"`{one}`" for one in (*names, *parameter.secondary_opts))
    return f"| {words} | {_cell(getattr(parameter, 'help', None) or '')} |"


MEANINGS = {
    Exit.DONE: "what was asked for is done",
    Exit.INTERNAL: "a bug; its traceback is on the terminal",
    Exit.USAGE: "wrong usage: an unknown option, or a spec that cannot be read",
    Exit.FAILED: "the job or the picture failed",
    Exit.NOT_FINISHED: "not finished: stopped, paused, or still running when the time to wait was over",
    Exit.NOT_FOUND: "no such job, item or worker",
    Exit.CANCELLED: "the job was cancelled",
    Exit.COMPLETED_WITH_FAILURES: "the job ended and some of its items could not be delivered",
    Exit.REJECTED: "rejected by checks before anything ran",
    Exit.UNREACHABLE: "cluster, service or database unreachable",
}


def exit_codes_page() -> str:
    """Every exit code and what it stands for."""
    rows = [f"| {int(code)} | {MEANINGS[code]} |" for code in Exit]
    head = f"# The exit codes\n\n{NOTE}\n\nOf every command; a shell adds its own above 125.\n"
    return "\n".join([head, "| code | when |\n|---|---|", *rows, ""])


def http_page() -> str:
    """Every route of the service's API, from its own OpenAPI description."""
    with tempfile.TemporaryDirectory() as folder, JobStore(Path(folder) / "jobs.sqlite") as store:
        paths = create_app(job_service_on(store), access=Access()).openapi()["paths"]
    parts = [
        "# The HTTP API",
        NOTE,
        "JSON in and out; the full description, with every field, is the service's own `/api/openapi.json`."
        " Errors are problem details (RFC 9457). A service with tokens wants `Authorization: Bearer TOKEN`.",
        "| route | what it does |\n|---|---|",
    ]
    return "\n\n".join(parts) + "\n" + "".join(_routes(paths))


def _routes(paths: Schema) -> Iterator[str]:
    for path, methods in sorted(paths.items()):
        for method, operation in methods.items():
            if path.startswith("/api/"):
                words = (operation.get("description") or operation.get("summary", "")).split("\n\n")[0]
                queries = [
                    f"`{field['name']}`"
                    for field in operation.get("parameters", ())
                    if field["in"] == "query"
                ]
                more = f" Query: {', '.join(queries)}." if queries else ""
                yield f"| `{method.upper()} {path}` | {_cell(words)}{more} |\n"


PAGES = {
    "spec.md": spec_page,
    "cli.md": cli_page,
    "exit-codes.md": exit_codes_page,
    "http.md": http_page,
}


def main(folder: Path) -> None:
    """Write the pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
