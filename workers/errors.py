"""Errors of the workers package.

RenderError
├── Rejected            the source got a verdict: it is not a picture that can be rendered
├── Unreadable          the source could not be read just now; it may be tried again
├── SandboxUnavailable  no decoding process could be started
├── EncodeFailed        the canvas could not be written in the wanted format
├── ScratchFull         not enough space for the working files
├── BadLimits           a job sets a limit that does not exist, or to what it cannot be
├── BadTiling           a tile, halo or overlap that does not fit the engine or the picture
├── EffectRefused       an effect was asked for that this picture does not allow
├── QualityRefused      the output was measured and is not as good as was asked
├── AlreadyInProgress   another output is having the same picture styled; it is worth waiting for
├── IncompleteCanvas    a canvas was to be finished while tiles are missing
├── OutOfMemory         a tile of this size does not fit the device
└── WorkerBug           our own code broke; the words say where
"""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)  # what a full disk says


class RenderError(Exception):
    """Root of what can go wrong with one picture; arguments survive pickling, `__str__` builds the words."""


class Rejected(RenderError):
    """`Rejected(source, code, reason)`: `code` is a `RejectCode`; trying again would end the same way."""

    def __str__(self) -> str:
        source, code, reason = self.args
        return f"reading {source}: {code}: {reason}"


class Unreadable(RenderError):
    """`Unreadable(source, reason)`: the storage failed, not the picture."""

    def __str__(self) -> str:
        source, reason = self.args
        return f"reading {source}: {reason}"


class SandboxUnavailable(RenderError):
    """`SandboxUnavailable(reason)`."""

    def __str__(self) -> str:
        return f"starting a decoding process: {self.args[0]}"


class EncodeFailed(RenderError):
    """`EncodeFailed(target, reason)`."""

    def __str__(self) -> str:
        target, reason = self.args
        return f"writing {target}: {reason}"


class ScratchFull(RenderError):
    """`ScratchFull(folder, needed_bytes, free_bytes)`."""

    def __str__(self) -> str:
        folder, needed_bytes, free_bytes = self.args
        return f"working in {folder}: {free_bytes / 1e6:.0f} MB free, needed {needed_bytes / 1e6:.0f} MB"


class OutOfMemory(RenderError):
    """`OutOfMemory(tile_px)`."""

    def __str__(self) -> str:
        return f"rendering a tile of {self.args[0]} px: the device is out of memory; a smaller tile is needed"


class WorkerBug(RenderError):
    """`WorkerBug(doing, reason)`."""

    def __str__(self) -> str:
        doing, reason = self.args
        return f"{doing}: {reason}; this is a mistake in Giornata, not in the picture"


class BadLimits(RenderError):
    """`BadLimits(setting, problem, names)`: `names` are the limits there are."""

    def __str__(self) -> str:
        setting, problem, names = self.args
        return f"setting limits for sources: got {setting} ({problem}); there are {', '.join(names)}"


class BadTiling(RenderError):
    """`BadTiling(actual, needed)`."""

    def __str__(self) -> str:
        actual, needed = self.args
        return f"cutting a picture into tiles: got {actual}, needed {needed}"


class EffectRefused(RenderError):
    """`EffectRefused(doing, actual, needed)`: trying again would end the same way."""

    def __str__(self) -> str:
        doing, actual, needed = self.args
        return f"{doing}: got {actual}, needed {needed}"


class QualityRefused(RenderError):
    """`QualityRefused(source, complaints)`: the same picture in the same style would come out the same."""

    def __str__(self) -> str:
        source, complaints = self.args
        return f"checking the output of {source}: {'; '.join(complaints)}"


class AlreadyInProgress(RenderError):
    """`AlreadyInProgress(source)`: nothing is wrong, and soon there will be something to cut from."""

    def __str__(self) -> str:
        return f"waiting for the styled picture of {self.args[0]}"


class IncompleteCanvas(RenderError):
    """`IncompleteCanvas(missing, tiles, first)`."""

    def __str__(self) -> str:
        missing, tiles, first = self.args
        return f"finishing a canvas: {missing} of {tiles} tiles are missing, the first is tile {first}"
