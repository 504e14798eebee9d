import json
from pathlib import Path

import pyvips
import skimage.data

from giornata.cluster.cli.exits import Exit
from tests.cluster.cli.shell import giornata


def test_styles_as_json_is_a_list_of_objects_with_names(home: Path) -> None:
    done = giornata("styles", "ls", "--json", cwd=home)
    assert done.returncode == 0
    names = [style["name"] for style in json.loads(done.stdout)]
    assert len(names) >= 8
    assert giornata("styles", "show", names[0], cwd=home).returncode == 0
    assert giornata("styles", "show", "nobody", cwd=home).returncode == Exit.REJECTED
    assert giornata("styles", "verify", cwd=home).returncode == 0


def test_a_preview_shows_one_picture_in_every_style(home: Path) -> None:
    pyvips.Image.new_from_array(skimage.data.chelsea()).resize(0.3).pngsave(str(home / "kitten.png"))
    done = giornata("styles", "preview", "kitten.png", "-o", "sheet.png", "--cell", "96", cwd=home)
    assert done.returncode == 0, done.stderr
    sheet = pyvips.Image.new_from_file(str(home / "sheet.png"))
    assert sheet.width > 3 * 96
    assert sheet.height > 3 * 96
