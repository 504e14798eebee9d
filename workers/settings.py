"""What a renderer needs to know of its machine."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from giornata.workers.decoding.options import Limits

GIB = 1 << 30


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
    worker: str = Field(default="", description="named beside the tiles that it paints")
    keep_every_s: float = Field(default=60.0, ge=0, description="between checkpoints of an optimisation")
