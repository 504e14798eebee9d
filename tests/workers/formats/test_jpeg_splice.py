import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giornata.workers.formats.jpeg import ByteOverlay, OverlaidFile


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(min_size=1, max_size=200),
    replacement=st.binary(max_size=40),
    cut=st.tuples(st.integers(0, 200), st.integers(0, 200)),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8),
)
def test_the_view_is_the_file_with_bytes_exchanged(
    tmp_path: Path, data: bytes, replacement: bytes, cut: tuple[int, int], sizes: list[int]
) -> None:
    start, stop = sorted(min(at, len(data)) for at in cut)
    wanted = data[:start] + replacement + data[stop:]
    (tmp_path / "a").write_bytes(data)
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        view = OverlaidFile(descriptor, len(data), ByteOverlay(start, stop - start, replacement))
        got, turn = b"", 0
        while part := view.read(sizes[turn % len(sizes)]):
            got, turn = got + part, turn + 1
        assert got == wanted
        assert view.seek(0, os.SEEK_END) == len(wanted)
        assert view.seek(-len(wanted) // 2, os.SEEK_CUR) == len(wanted) + -len(wanted) // 2
        view.seek(start, os.SEEK_SET)
        assert wanted[start:].startswith(view.read(7))
    finally:
        os.close(descriptor)
