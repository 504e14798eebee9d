"""`check_whole`: what is wrong with every picture of a spec alike, said once before anything is listed."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

from giornata.jobs.asset import absolute
from giornata.jobs.choices import AVAILABLE_ENGINES, EngineKind, ReferenceWord, listed
from giornata.jobs.errors import PlanRefused
from giornata.jobs.places import is_url, wrong_url
from giornata.jobs.signing import signing_problems
from giornata.jobs.spec import JobSpec
from giornata.jobs.spec_entries import StyleChoice
from giornata.jobs.styling import StyleCheck, all_weights, pictures_of

SHOWN = 20  # problems that are told one by one; the rest is a count


def check_whole(spec: JobSpec, base: Path, styles: StyleCheck) -> None:
    """Say once what is wrong with every picture alike. Raises `PlanRefused`."""
    problems = [
        *_style_problems(spec, styles.names(), base),
        *_engine_problems(spec, styles),
        *_place_problems(spec, base),
        *signing_problems(spec),
    ]
    if problems:
        raise PlanRefused(tuple(problems[:SHOWN]), len(problems))


def _style_problems(spec: JobSpec, known: Collection[str], base: Path) -> Iterator[str]:
    for position, style in enumerate(spec.styles):
        engine = style.resolved_engine
        if engine not in AVAILABLE_ENGINES:
            available = listed(sorted(AVAILABLE_ENGINES))
            yield f"planning styles[{position}]: engine {engine} is not yet available in this version, " + (
                f"available: {available}"
            )
            continue
        for problem in _picture_problems(style, base):
            yield f"planning styles[{position}]: {problem}"
        for name in all_weights(style):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                known_words = f"known styles: {listed(sorted(known)) or 'none'}"
                yield f"planning styles[{position}]: unknown style {name!r}; {hint}{known_words}"


def _engine_problems(spec: JobSpec, styles: StyleCheck) -> Iterator[str]:
    """Styles by name that the engine, or the settings of one, do not fit."""
    for position, style in enumerate(spec.styles):
        for mix in (style.weights, *(region.weights for region in style.regions)):
            if len(styles.engines(mix)) > 1:
                kinds = listed(sorted(styles.engines(mix)))
                yield f"planning styles[{position}]: got a mix of engines {kinds}, needed styles of one"
        if style.pictures:
            continue
        wanted = EngineKind.UNIVERSAL if style.universal_settings else style.engine
        for engine in styles.engines(style.weights) - {wanted} if wanted else ():
            asked = listed(style.universal_settings) or "engine"
            yield (
                f"planning styles[{position}]: {asked}: needed a style of engine {wanted}, "
                f"{style.resolved_label} is of engine {engine}"
            )


def _picture_problems(style: StyleChoice, base: Path) -> Iterator[str]:
    """What is wrong with the pictures of a style."""
    for path in pictures_of(style, base):
        if is_url(path):
            if words := wrong_url(path):
                yield f"style picture {path}: {words}"
        elif not Path(path).is_file():
            yield f"style picture {path}: no such file"


def _place_problems(spec: JobSpec, base: Path) -> Iterator[str]:
    if is_url(spec.destination):
        if words := wrong_url(spec.destination):
            yield f"planning destination {spec.destination}: {words}"
    elif absolute(spec.destination, base=base).is_file():
        yield f"planning destination {spec.destination}: got a file, needed a folder"
    reference = spec.render.reference
    named = reference and reference not in set(ReferenceWord)
    if named and is_url(str(reference)):
        if words := wrong_url(str(reference)):
            yield f"planning render.reference: {words}"
    elif named and not absolute(str(reference), base=base).is_file():
        yield f"planning render.reference: no file at {absolute(str(reference), base=base)}"
