"""A service in a process of its own, to measure: `python -m tests.support.load_server FOLDER`."""

import sys
import time
from pathlib import Path

from tests.support.services import Place, serving

if __name__ == "__main__":
    root = Path(sys.argv[1])
    (root / "service").mkdir()
    place = Place(root / "service", str(root / "jobs.sqlite"))
    with place.store, serving(place.job_service) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        while True:
            time.sleep(1)
