"""Where the features of a picture wait between phases, as a plan."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class FeaturePlacement(StrEnum):
    """Where a picture's features are between phases."""

    MEMORY = "memory"
    DISK = "disk"
    RECOMPUTE = "recompute"


class FeaturePlan(BaseModel):
    """Where features wait: in memory, on disk at these `phases`, or nowhere; and the most they take there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: FeaturePlacement = FeaturePlacement.MEMORY
    phases: tuple[int, ...] = ()
    disk_bytes: int = 0
    memory_bytes: int = 0

    @property
    def words(self) -> str:
        """For logs: what was chosen."""
        if self.keep is FeaturePlacement.DISK:
            return f"features wait on scratch disk, at most {self.disk_bytes / 1e9:.1f} GB"
        if self.keep is FeaturePlacement.RECOMPUTE:
            return "features are computed again for every phase: scratch has no room for them"
        return f"features wait in memory, {self.memory_bytes / 1e9:.1f} GB"
