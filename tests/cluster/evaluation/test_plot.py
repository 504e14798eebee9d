from xml.etree import ElementTree

from giornata.cluster.evaluation.plot import scatter_svg
from tests.cluster.evaluation.readings import evaluation


def test_the_plot_has_a_point_a_row_and_is_whole() -> None:
    root = ElementTree.fromstring(scatter_svg(evaluation()))  # noqa: S314 - our own
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    assert len(circles) == 4
    texts = " ".join("".join(one.itertext()) for one in root.iter() if one.tag.endswith("text"))
    assert "LPIPS-Alex" in texts
    assert "good (unseen)" in texts


def test_a_plot_of_nothing_says_so() -> None:
    assert "not measured" in scatter_svg(evaluation(rows=()))
