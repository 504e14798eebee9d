"""Values of the universal engine's settings, for specs and tasks.

Whatever is left out keeps the style's own default, so that a content key stays the same when there is more
to say.
"""

from typing import Annotated

from pydantic import Field

USUAL_SIZE_PX = 768  # short side that a style image is read at
SIZE_NEEDED = "a whole number from 64 to 4096 (px of the short side)"
LEVELS_NEEDED = "a whole number from 1 (colours) to 5 (composition)"
Levels = Annotated[int, Field(ge=1, le=5, description=LEVELS_NEEDED)]
StyleSize = Annotated[int, Field(ge=64, le=4096, description=SIZE_NEEDED)]
