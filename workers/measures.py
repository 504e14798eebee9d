"""What is measured of a styled picture."""

from pydantic import BaseModel, ConfigDict


class Measures(BaseModel):
    """What a styled picture measures: `seam` in 1/255, `clipping` and `ssim` as shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam: float
    clipping: float
    ssim: float
