"""One picture from source to encoded file: decode, tiles, engine, canvas, encode. The heart, in order.

`Renderer.render` walks the whole way in one process. The cluster walks the same steps with the tiles of one
large picture spread over several renderers.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.choices import DeviceChoice, EngineKind, Precision, Statistics
from giornata.jobs.task import RenderTask
from giornata.styles.engine import Engine, Totals
from giornata.styles.library import Library
from giornata.styles.loader import load_engine
from giornata.workers.canvas import Canvas, new_canvas
from giornata.workers.checks import Measures, measure, output_complaints, picture_complaints, refuse
from giornata.workers.crops import to_style
from giornata.workers.delivery import hand_over, record_of, write_sidecar
from giornata.workers.effects import Effects, bare, canvas_depth, prepare_effects
from giornata.workers.errors import OutOfMemory, StillMade
from giornata.workers.features import FeatureFiles, Keep
from giornata.workers.fidelity import BACK, ROUNDS, TRIAL_PX, faithful_strength
from giornata.workers.finish import finish, finished_path
from giornata.workers.keeping import SAY_AT_BYTES, Keeping, choose_keeping, room_for_features
from giornata.workers.limits import Limits
from giornata.workers.masters import RECORD, Masters
from giornata.workers.optimisation import Optimisation
from giornata.workers.optimise import OptimisationProgress, optimise
from giornata.workers.optimised import StillEngine, Studio, hang, refuse_effects, set_up, threads
from giornata.workers.picture import reduced
from giornata.workers.program import (
    TileDesk,
    exact_totals,
    grid_for,
    render_tiles,
    styled_in_one,
    thumbnail_totals,
)
from giornata.workers.pulse import Pulse
from giornata.workers.reading import Reading
from giornata.workers.sandbox import Sandbox
from giornata.workers.shelf import keep_totals, kept_totals, reference_task, totals_key
from giornata.workers.similarity import LUMA, ssim
from giornata.workers.source import Depth
from giornata.workers.strokes import native_stroke_px
from giornata.workers.tiles import TileGrid
from giornata.workers.workbook import Workbook
from giornata.workers.working import WorkingPicture
from giornata.workers.workplace import Workplaces, fingerprint_of

log = logging.getLogger(__name__)
GIB = 1 << 30
LARGE_TILES = 32  # from here on a picture's work outlives its process
SMALL_FILE_BYTES = 1 << 19  # a source below this is not looked at beforehand
CORES_PX = (2048, 1536, 1024, 768, 512, 256)  # what a device's memory may choose from


class RenderSettings(BaseModel):
    """What a renderer needs to know of its machine. `style_folders` come before the shipped library.

    Work on large pictures lasts in `pictures`, if that is given, owned by the process `owner_pid` (this one
    if left out). `sharers` renderers work on one large picture together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scratch: Path
    pictures: Path | None = None
    owner_pid: int | None = None
    sharers: int = Field(default=1, ge=1)
    spill_bytes: int | None = Field(default=None, ge=0, description="for features on scratch; none: its room")
    style_folders: tuple[Path, ...] = ()
    memory_bytes: int = Field(default=GIB, gt=0, description="for the features of one picture's tiles")
    lanes: int = Field(default=1, ge=1, description="blocks computed at once on a CPU")
    limits: Limits = Limits()
    keep_every_s: float = Field(default=60.0, ge=0, description="between checkpoints of an optimisation")


class Prepared(BaseModel):
    """A decoded picture waiting for its tiles; small, and valid on every process that sees the scratch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    working: WorkingPicture
    canvas_path: Path
    core_px: int
    effects: Effects = Effects()
    keeping: Keeping = Keeping()
    lasting: bool = False  # the folder outlives the process, and is removed when the item is at its end

    strength: float | None = None  # chosen for this picture, where the task asks for fidelity
    finished: bool = False  # the canvas holds the styled picture, with all effects
    measures: Measures | None = None

    @property
    def painting(self) -> WorkingPicture:
        """What the tiles are made of: the picture itself, unless its strokes are sized."""
        return self.effects.painting or self.working


class Rendered(BaseModel):
    """The encoded file and how it came to be; seconds are wall time by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    width: int
    height: int
    tiles: int
    core_px: int
    keeping: Keeping = Keeping()
    warnings: tuple[str, ...] = ()
    facts: dict[str, str | int | float] = {}
    seconds: dict[str, float] = {}


def pick_device(wanted: DeviceChoice) -> str:
    """`cuda` when asked for, or when `auto` finds one; otherwise `cpu`."""
    if wanted is DeviceChoice.AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted.value


def pick_core(engine: Engine, memory_bytes: int, overlap_px: int) -> int:
    """The largest core whose tile fits half of `memory_bytes`; the rest is for what waits between phases."""

    def peak(core_px: int) -> int:
        return (core_px + overlap_px + 2 * engine.halo_px) ** 2 * engine.bytes_per_px

    return next((core for core in CORES_PX if peak(core) <= memory_bytes // 2), CORES_PX[-1])


class Renderer:
    """Renders pictures one after another; belongs to one thread. Close it to end its decoding process."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.library = Library(settings.style_folders)
        self.sandbox = Sandbox(settings.limits)
        self.pulse = Pulse()
        self.watch: Callable[[OptimisationProgress], None] = lambda progress: None
        self.masters = Masters(settings.scratch / "masters")
        settings.scratch.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """End the decoding process."""
        self.sandbox.close()

    def render(self, task: RenderTask, target: Path) -> Rendered:
        """Render `task` into the file `target` (an attempt's own name).

        Raises `RenderError` or `StyleError`; then nothing is left at `target`.
        """
        with self.shared(task) as master:
            if master is not None:
                return self.deliver(task, master, target)
            return self._render(task, target)

    def _render(self, task: RenderTask, target: Path) -> Rendered:
        clock = Stopwatch()
        folder, lasting = self.workplace(task)
        try:
            prepared = self.prepare(task, folder, lasting=lasting)
            clock.lap("decode")
            totals = self.paint_whole(task, prepared)
            clock.lap("style")
            rendered = self.deliver(task, prepared, target, totals=totals, clock=clock)
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException:  # stopped, not failed: what lasts is for the next start
            if not lasting:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return rendered

    @contextmanager
    def shared(self, task: RenderTask) -> Iterator[Prepared | None]:
        """The styled picture that another output of the same one has left; nothing when this is the first.

        Who gets nothing should make it: until the end of the `with` the others wait for it. Raises `Dropped`,
        `StillMade` when several workers are making it together.
        """
        if task.siblings == 1:
            yield None
            return
        key = task.master_key()
        with self.masters.turn(key, self.pulse.tick) as turn, self.masters.use(key) as folder:
            if folder is None:
                if self.masters.is_handed_out(key, task.item_id):
                    raise StillMade(task.source)
                yield None
                return
            turn.close()
            yield Prepared.model_validate_json((folder / RECORD).read_text())

    def hand_out(self, task: RenderTask, prepared: Prepared) -> None:
        """Have other outputs of a picture wait that several workers are about to style together."""
        if task.siblings > 1:
            self.masters.hand_out(task.master_key(), task.item_id, prepared.folder)

    def new_folder(self) -> Path:
        """A fresh folder of scratch space, which the caller removes."""
        return Path(tempfile.mkdtemp(prefix="render-", dir=self.settings.scratch))

    def workplace(self, task: RenderTask) -> tuple[Path, bool]:
        """The folder to work on `task` in, and whether it is a lasting one. Raises as `prepare` does."""
        lasts = task.engine is EngineKind.OPTIMIZATION or (
            self.settings.pictures is not None and self._is_large(task)
        )
        if self.settings.pictures is not None and lasts:
            places = Workplaces(self.settings.pictures, self.settings.owner_pid or os.getpid())
            names = {name for mix in (task.mix, *(one.mix for one in task.regions)) for name in mix}
            weights = sorted(self.library.find(name).card.sha256 for name in names)
            folder = places.enter(task, fingerprint_of(task, pick_device(task.device), *weights))
            if folder is not None:
                return folder, True
        return self.new_folder(), False

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder of scratch space that is gone afterwards."""
        folder = self.new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def engine(self, task: RenderTask) -> Engine:
        """The engine that `task` asks for, on the device it asks for."""
        if task.engine is EngineKind.OPTIMIZATION:
            return StillEngine()
        dtype = torch.bfloat16 if task.precision is Precision.BF16 else torch.float32
        return load_engine(
            self.library,
            task.mix,
            strength=task.strength,
            device=pick_device(task.device),
            dtype=dtype,
            lanes=self.settings.lanes,
        )

    def prepare(self, task: RenderTask, folder: Path, *, lasting: bool = False) -> Prepared:
        """Decode the source and lay out an empty canvas of the same size and depth in `folder`.

        A `lasting` folder may hold both already. Raises `Rejected`, `Unreadable`, `ScratchFull`.
        """
        refuse_effects(task)
        record = folder / "prepared.json"
        if lasting and record.is_file():
            return Prepared.model_validate_json(record.read_text())
        decoded = self.sandbox.decode(task.source, folder / "source", self._reading(task))
        self.pulse.tick()
        working = to_style(decoded, task.crop, folder / "crop")
        prepared = self._with_effects(task, working, folder, strength=self._faithful(task, working))
        prepared = prepared.model_copy(update={"lasting": lasting})
        if lasting:  # written last, so that its presence says that all of it is there
            record.with_suffix(".part").write_text(prepared.model_dump_json())
            record.with_suffix(".part").replace(record)
        return prepared

    def _faithful(self, task: RenderTask, working: WorkingPicture) -> float | None:
        """The strength at which a small copy is as close to its source as was asked; nothing if not asked."""
        if task.min_ssim is None:
            return None
        source = reduced(working.pixels, TRIAL_PX)

        def likeness(strength: float) -> float:
            engine = self.engine(task.model_copy(update={"strength": strength}))
            styled = styled_in_one(engine, source)
            self.pulse.tick()
            return ssim((task.blend * styled + (1 - task.blend) * source) @ LUMA, source @ LUMA)

        strength, _ = faithful_strength(likeness, strength=task.strength, floor=task.min_ssim)
        return strength

    def told(self, task: RenderTask, prepared: Prepared) -> RenderTask:
        """The task with the strength that was chosen for its picture."""
        if prepared.strength is None:
            return task
        return task.model_copy(update={"strength": prepared.strength})

    def _with_effects(
        self, task: RenderTask, working: WorkingPicture, folder: Path, *, strength: float | None
    ) -> Prepared:
        """An empty canvas in `folder`, and beside it what the effects of `task` need."""
        if strength is not None:
            task = task.model_copy(update={"strength": strength})
        effects = prepare_effects(
            task,
            working,
            folder / "effects",
            sandbox=self.sandbox,
            native_px=lambda mix: native_stroke_px(self.library, mix),
            paint=self._paint_aside,
        )
        laid_out = self._laid_out(task, working, folder, effects, canvas_depth(task, working))
        return laid_out.model_copy(update={"strength": strength})

    def _laid_out(
        self, task: RenderTask, working: WorkingPicture, folder: Path, effects: Effects, depth: Depth
    ) -> Prepared:
        """An empty canvas in `folder` for what is to be painted, and what its tiles need."""
        painting, engine = effects.painting or working, self.engine(task)
        grid = self._grid_of(task, engine, painting.width, painting.height)
        canvas = new_canvas(folder / "canvas.npy", painting.height, painting.width, np.dtype(depth.value))
        return Prepared(
            folder=folder,
            working=working,
            canvas_path=canvas,
            core_px=grid.core_px,
            effects=effects,
            keeping=self._keeping(engine, grid, folder, depth.bytes),
        )

    def _paint_aside(self, task: RenderTask, picture: WorkingPicture, folder: Path, effects: Effects) -> Path:
        """Paint `picture` whole, in this process, for an effect of another; the canvas, 16 bits a sample."""
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir(parents=True)
        prepared = self._laid_out(task, picture, folder, effects, Depth.UINT16)
        self.paint_whole(task, prepared)
        self.canvas(prepared, self.grid(task, prepared)).finish()
        for left in ("strips", "features"):
            shutil.rmtree(folder / left, ignore_errors=True)
        return prepared.canvas_path

    def _keeping(self, engine: Engine, grid: TileGrid, folder: Path, sample_bytes: int) -> Keeping:
        settings = self.settings
        room = room_for_features(folder, grid, sample_bytes=sample_bytes, allowed_bytes=settings.spill_bytes)
        keeping = choose_keeping(
            engine, grid, memory_bytes=settings.memory_bytes, sharers=settings.sharers, disk_bytes=room
        )
        if keeping.keep is not Keep.MEMORY or keeping.memory_bytes > SAY_AT_BYTES:
            log.info("%d×%d px in %d tiles: %s", grid.width, grid.height, len(grid), keeping.words)
        return keeping

    def _is_large(self, task: RenderTask) -> bool:
        if Path(task.source).is_file() and Path(task.source).stat().st_size < SMALL_FILE_BYTES:
            return False
        facts = self.sandbox.inspect(task.source, self._reading(task))
        return len(self._grid_of(task, self.engine(task), facts.width, facts.height)) >= LARGE_TILES

    def _reading(self, task: RenderTask) -> Reading:
        return Reading.of(task, limits=self.settings.limits)

    def _grid_of(self, task: RenderTask, engine: Engine, width: int, height: int) -> TileGrid:
        core_px = task.tile_px or pick_core(engine, self.settings.memory_bytes, task.overlap_px)
        return grid_for(engine, width, height, core_px=core_px, overlap_px=task.overlap_px)

    def grid(self, task: RenderTask, prepared: Prepared) -> TileGrid:
        """The tiles of a prepared picture: the same on every process."""
        painting = prepared.painting
        return grid_for(
            self.engine(task),
            painting.width,
            painting.height,
            core_px=prepared.core_px,
            overlap_px=task.overlap_px,
        )

    def desk(self, task: RenderTask, prepared: Prepared) -> TileDesk:
        """A desk for a prepared picture; it holds features, so keep it through the phases."""
        files = None
        if prepared.keeping.keep is Keep.DISK:
            files = FeatureFiles(prepared.folder / "features", prepared.keeping.phases)
        return TileDesk(
            self.engine(self.told(task, prepared)),
            self.grid(task, prepared),
            prepared.painting.pixels,
            memory_bytes=self.settings.memory_bytes,
            tick=self.pulse.tick,
            files=files,
            book=self.book(prepared),
        )

    def book(self, prepared: Prepared) -> Workbook | None:
        """What is known of a picture whose work lasts."""
        return Workbook(prepared.folder / "book") if prepared.lasting else None

    def borrowed_totals(self, task: RenderTask, prepared: Prepared) -> Totals | None:
        """Totals that do not come from the picture's own tiles, or None when they do (`exact`)."""
        task = self.told(task, prepared)
        if task.statistics is Statistics.THUMBNAIL:
            return thumbnail_totals(self.engine(task), prepared.painting.pixels)
        if task.statistics is Statistics.REFERENCE and task.reference:
            return self._totals_of_reference(task)
        return None

    def _totals_of_reference(self, task: RenderTask) -> Totals:
        """Found once for all pictures of this session that borrow them: they have one mapping."""
        shelf, key = self.settings.scratch / "totals", totals_key(task)
        with self.masters.turn(f"totals-{key}", self.pulse.tick):
            known = kept_totals(shelf, key)
            if known is not None:
                return known
            with self.folder() as folder:
                # With the brush, so that both are painted at one scale; without masks, which are not its own.
                like = bare(reference_task(task)).model_copy(update={"brush": task.brush})
                other = self.prepare(like, folder)
                desk = self.desk(task, other)
                return keep_totals(shelf, key, exact_totals(desk, desk.grid))

    def paint(
        self, task: RenderTask, prepared: Prepared, desk: TileDesk, tiles: Iterable[int], totals: Totals
    ) -> int:
        """Render the tiles of these indexes into the canvas; returns how many. Raises `OutOfMemory`."""
        canvas = self.canvas(prepared, desk.grid)
        effects = prepared.effects
        wanted, blend = [], effects.tile_blend(task)
        for tile in (desk.grid[index] for index in tiles):
            if effects.shows(tile.reach):
                wanted.append(tile)
            else:
                canvas.skip(tile)
        with memory_errors(prepared.core_px):
            return sum(1 for _ in render_tiles(desk, canvas, wanted, totals, blend=blend))

    def paint_whole(self, task: RenderTask, prepared: Prepared) -> Totals:
        """All phases and all tiles in this process; returns the totals."""
        if task.engine is EngineKind.OPTIMIZATION:
            self._optimise(task, prepared)
            return ()
        desk = self.desk(task, prepared)
        with memory_errors(prepared.core_px):
            totals = self.borrowed_totals(task, prepared) or exact_totals(desk, desk.grid)
        self.paint(task, prepared, desk, range(len(desk.grid)), totals)
        return totals

    def _optimise(self, task: RenderTask, prepared: Prepared) -> None:
        """Style by optimisation, in this process, from the last checkpoint on."""
        work = self.optimisation(task, prepared)
        with memory_errors(work.core_px), threads(self.settings.lanes):
            for progress in optimise(work, tick=self.pulse.tick, keep_every_s=self.settings.keep_every_s):
                self.watch(progress)
        self.hang(task, prepared, work)

    def optimisation(self, task: RenderTask, prepared: Prepared) -> Optimisation:
        """The optimisation of a prepared picture: the same on every process."""
        studio = Studio(self.sandbox, self.settings.memory_bytes, pick_device(task.device), self.pulse.tick)
        return set_up(task, prepared.painting, prepared.folder / "optimisation", studio)

    def hang(self, task: RenderTask, prepared: Prepared, work: Optimisation) -> None:
        """Put the picture of a finished optimisation on the canvas."""
        grid, picture = self.grid(task, prepared), work.finished_picture(len(work.scales) - 1)
        canvas, blend = self.canvas(prepared, grid), prepared.effects.tile_blend(task)
        hang(picture, canvas, grid, prepared.painting.pixels, blend=blend)

    def canvas(self, prepared: Prepared, grid: TileGrid) -> Canvas:
        """The prepared picture's canvas, open for writing."""
        pixels = np.load(prepared.canvas_path, mmap_mode="r+")
        return Canvas(grid, pixels, prepared.folder / "strips")

    def deliver(
        self,
        task: RenderTask,
        prepared: Prepared,
        target: Path,
        *,
        totals: Totals | None = None,
        clock: "Stopwatch | None" = None,
    ) -> Rendered:
        """Finish the picture, encode it to `target`, and write its record beside it if the task wants one.

        Raises `IncompleteCanvas`, `EncodeFailed`, `EffectRefused`, `QualityRefused`.
        """
        clock = clock or Stopwatch()
        shared = prepared.finished
        prepared = self.finish(task, prepared)
        task = self.told(task, prepared)
        grid, working = self.grid(task, prepared), prepared.working
        pixels = np.load(prepared.canvas_path, mmap_mode="r")
        clock.lap("finish")
        target.parent.mkdir(parents=True, exist_ok=True)
        handed = hand_over(task, working=working, pixels=pixels, target=target)
        encoded = handed.encoded
        refuse(task.source, output_complaints(task.checks, encoded, working), target)
        clock.lap("encode")
        told = (*prepared.effects.warnings, *_costly(prepared.keeping))
        if task.sidecar:
            record = record_of(
                task,
                handed,
                working=working,
                library=self.library,
                grid=grid,
                totals=totals,
                device=pick_device(task.device),
                lanes=self.settings.lanes,
                seconds=clock.laps,
                warnings=told,
            )
            write_sidecar(record, target)
        return Rendered(
            sha256=encoded.sha256,
            bytes=encoded.bytes,
            width=encoded.width,
            height=encoded.height,
            tiles=len(grid),
            core_px=prepared.core_px,
            keeping=prepared.keeping,
            warnings=(*working.facts.warnings, *told, *handed.warnings),
            facts={
                **task.outline(),
                "profile": encoded.profile or "",
                **({} if handed.quality is None else {"quality": handed.quality}),
                **(prepared.measures.model_dump() if prepared.measures else {}),
                **({"shared": 1} if shared else {}),
            },
            seconds=clock.laps,
        )

    def finish(self, task: RenderTask, prepared: Prepared) -> Prepared:
        """Blend the strips, apply the effects, measure; render weaker what is less faithful than was asked.

        Leaves the result to other outputs of the same picture. Raises `IncompleteCanvas`, `EffectRefused`,
        `QualityRefused`.
        """
        if prepared.finished:
            return prepared
        for _ in range(ROUNDS):
            prepared = self._finished(task, prepared)
            if not _is_too_far(task, prepared):
                break
            prepared = self._weaker(task, prepared)
        else:
            prepared = self._finished(task, prepared)
        refuse(task.source, picture_complaints(task, prepared.measures))
        if task.siblings > 1:
            self._share(task, prepared)
        return prepared

    def _finished(self, task: RenderTask, prepared: Prepared) -> Prepared:
        if prepared.finished:
            return prepared
        task, working = self.told(task, prepared), prepared.working
        canvas = self.canvas(prepared, self.grid(task, prepared)).finish()
        place, tick = prepared.folder / "finish", self.pulse.tick
        styled = finish(task, working, prepared.effects, canvas, folder=place, tick=tick)
        path = finished_path(task, place) or prepared.canvas_path
        asked = task.checks is not None or task.min_ssim is not None
        # Strokes of another size are painted on another grid, and resampled: no border of it is left.
        grid = None if prepared.effects.painting else self.grid(task, prepared)
        measures = measure(styled, working.pixels, grid) if asked else None
        self.pulse.tick()
        return prepared.model_copy(update={"canvas_path": path, "finished": True, "measures": measures})

    def _weaker(self, task: RenderTask, prepared: Prepared) -> Prepared:
        """The picture rendered again, here, with less strength."""
        folder = Path(tempfile.mkdtemp(prefix="weaker-", dir=prepared.folder))
        less = (prepared.strength or 0.0) * BACK
        weaker = self._with_effects(task, prepared.working, folder, strength=less)
        self.paint_whole(task, weaker)
        return weaker

    def _share(self, task: RenderTask, prepared: Prepared) -> None:
        """Leave a finished picture to its other outputs."""
        working = prepared.working
        files = {"canvas.npy": prepared.canvas_path, **working.files}

        def record(folder: Path) -> str:
            place = {"folder": folder, "canvas_path": folder / "canvas.npy", "lasting": False}
            told = Effects(painting=prepared.effects.painting, warnings=prepared.effects.warnings)
            moved = {**place, "effects": told, "working": working.moved(folder)}
            return prepared.model_copy(update=moved).model_dump_json()

        self.masters.keep(task.master_key(), files, record)


def _is_too_far(task: RenderTask, prepared: Prepared) -> bool:
    if task.min_ssim is None or prepared.measures is None:
        return False
    return prepared.measures.ssim < task.min_ssim


def _costly(keeping: Keeping) -> tuple[str, ...]:
    """What somebody who waits should know."""
    return (f"slow: {keeping.words}",) if keeping.keep is Keep.RECOMPUTE else ()


class Stopwatch:
    """Wall seconds by step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, step: str) -> None:
        """End the step that has been running since the last lap."""
        now = time.monotonic()
        self.laps[step] = round(now - self._since, 4)
        self._since = now


@contextmanager
def memory_errors(core_px: int) -> Iterator[None]:
    """Translate a device's or the machine's refusal of memory into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise OutOfMemory(core_px) from exc
    except RuntimeError as exc:
        # The CPU allocator raises a plain RuntimeError.
        if "not enough memory" in str(exc) or "can't allocate memory" in str(exc):
            raise OutOfMemory(core_px) from exc
        raise
