"""The table of an evaluation in Markdown: content and style, faults, cost, votes, and what to know beside."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from giornata.cluster.evaluation.results import TO_PALETTE, Evaluation, Row
from giornata.styles.evaluation.bootstrap import Interval
from giornata.styles.evaluation.gram_distance import VGG_LAYERS
from giornata.styles.evaluation.yardstick import MEASURES, Column, Family

MARKDOWN_NAME = "table.md"
NOTHING = "–"
RELATIVE = Column("style ÷ palette", Family.STYLE)
LEGEND = f"""\
Means over photographs; brackets are 95 % bootstrap intervals over photographs, the paintings being the same.

* Content: SSIM and its structure term on luma (Wang et al. 2004, 11 px window), LPIPS v0.1 on AlexNet (Zhang
  et al. 2018), F1 of Canny edges matched within 2 px. All of them are best for doing nothing.
* Style: ‖G − G_s‖² / ‖G_s‖², G the centred Gram matrix of a layer, G_s the painting's; 0 is the painting's
  texture. SqueezeNet and AlexNet (by LPIPS' slices) are in no training of ours; VGG-19 (mean of
  {", ".join(VGG_LAYERS)}) is, and is there to be distrusted.
* "style ÷ palette": SqueezeNet 3 over that of the palette-only row, same images.
* Dots: power at periods of 2 and 4 px over the photograph's. Holes: near-black blobs of 12 px and more that
  neither photograph nor palette account for. Seam step: what tiles of 192 px add across their seams, in
  levels of 255. Unrest: how much more luma varies on ground that was empty, in levels of 255. Clipped:
  samples at the end of their range. PSNR at strength 0: how much of the photograph comes back.
* Cost: processor seconds of all threads, and resident memory beyond what the process had, one image at a
  time; what a painting takes once is not in it. Seam step and PSNR at 0 are of one painting a method.
* "better on both axes": methods with less style distance (SqueezeNet 3) and less LPIPS."""


def markdown(evaluation: Evaluation) -> str:
    """The whole page."""
    parts = ["# Evaluation", _setup_words(evaluation)]
    for unseen, title in ((False, "Paintings of the library's styles"), (True, "Paintings no training saw")):
        rows = [row for row in evaluation.rows if row.unseen == unseen]
        if rows:
            parts += [f"## {title}", *_tables(rows, evaluation)]
    parts += ["## Preference", _preference(evaluation), "## What stands behind the numbers", LEGEND]
    parts += [_trainings(evaluation.rows), _absences(evaluation)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_markdown(evaluation: Evaluation, folder: Path) -> Path:
    """Write `table.md`."""
    path = folder / MARKDOWN_NAME
    path.write_text(markdown(evaluation), encoding="utf-8")
    return path


def _setup_words(evaluation: Evaluation) -> str:
    setup = evaluation.setup
    shape = "square crops of their middle, " if setup.square else ""
    return (
        f"{len(setup.photos)} photographs ({shape}{setup.size_px} px on the short side), "
        f"{len(setup.paintings)} paintings of styles, {len(setup.unseen_paintings)} paintings that no "
        f"training saw; giornata {setup.version}, {setup.threads} thread{'s' if setup.threads > 1 else ''}, "
        f"{setup.machine}."
    )


def _tables(rows: Sequence[Row], evaluation: Evaluation) -> list[str]:
    columns = {name: measure for name, measure in MEASURES.items() if name not in evaluation.missing}
    style = {name: measure for name, measure in columns.items() if measure.family is Family.STYLE}
    if TO_PALETTE in {name for row in rows for name in row.measures}:
        style = {TO_PALETTE: RELATIVE, **style}
    content, faults, cost = (
        {name: measure for name, measure in columns.items() if measure.family is family}
        for family in (Family.CONTENT, Family.FAULTS, Family.COST)
    )
    better = [", ".join(row.dominated_by) or NOTHING for row in rows]
    sizes = [size_words(row.bytes) for row in rows]
    return [
        "### Content\n\n" + _table(rows, content),
        "### Style\n\n" + _table(rows, style, {"better on both axes": better}),
        "### Faults\n\n" + _table(rows, faults),
        "### Cost\n\n" + _table(rows, cost, {"weights": sizes}),
    ]


def _table(rows: Sequence[Row], columns: dict[str, Column], extra: dict[str, list[str]] | None = None) -> str:
    extra = extra or {}
    head = ["method", "paintings"]
    arrows = {"low": "↓", "high": "↑"}
    head += [f"{measure.title} {arrows[measure.better]}" for measure in columns.values()]
    lines = [[*head, *extra]]
    for number, row in enumerate(rows):
        cells = [interval_words(row.measures.get(name), column.digits) for name, column in columns.items()]
        lines.append([row.method, str(row.paintings), *cells, *(column[number] for column in extra.values())])
    return _aligned(lines)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(lines[0])
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def interval_words(interval: Interval | None, digits: int) -> str:
    """Such as "0.351 [0.330, 0.372]"; a dash for None."""
    if interval is None:
        return NOTHING
    mean, low, high = (f"{value:.{digits}f}" for value in (interval.mean, interval.low, interval.high))
    return mean if low == high else f"{mean} [{low}, {high}]"


def size_words(size: int) -> str:
    """Such as "3.4 MB"; a dash for 0."""
    return f"{size / 1e6:.1f} MB" if size else NOTHING


def _preference(evaluation: Evaluation) -> str:
    if not evaluation.preferences:
        return f"Not measured: {evaluation.preference_missing}."
    lines = [["method", "preferred to another method", "times shown"]]
    for row in evaluation.preferences:
        lines.append([row.method, interval_words(row.share, 2), str(row.share.count)])
    return "Bradley–Terry on blind pairs, 95 % intervals by drawing votes again.\n\n" + _aligned(lines)


def _trainings(rows: Sequence[Row]) -> str:
    lines = {row.method: f"{row.title}; trained with {row.seen}" for row in rows if row.seen != NOTHING}
    return _listed(
        "Methods, and the networks they were trained with", (f"{k}: {v}" for k, v in lines.items())
    )


def _absences(evaluation: Evaluation) -> str:
    measures = (f"{MEASURES[name].title}: not measured: {why}" for name, why in evaluation.missing.items())
    return _listed("Left out", [*measures, *evaluation.left_out])


def _listed(title: str, lines: Iterable[str]) -> str:
    listed = "\n".join(f"* {line}" for line in lines)
    return f"{title}:\n\n{listed}" if listed else ""
