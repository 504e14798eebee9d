import re

import httpx


def test_files_are_kept_for_ever_under_a_name_that_changes_with_them(http: httpx.Client) -> None:
    (path,) = re.findall(r'href="(/static/[0-9a-f]{12}/giornata.css)"', http.get("/").text)
    kept = http.get(path)
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-encoding"] == "gzip"
    old = http.get(path.replace(path.split("/")[2], "0" * 12))
    assert old.headers["cache-control"] == "no-store"
    assert http.get(f"{path}/../../../templates/base.html").status_code == 404
    assert http.get("/static/x/look.py").status_code == 404
