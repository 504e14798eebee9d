"""Readings become rows with intervals, the table says what is missing, the plot stands by itself."""

import pytest

from giornata.cluster.evaluation.results import TO_PALETTE, Evaluation
from tests.cluster.evaluation.readings import evaluation


def test_rows_are_means_over_photographs_apart_for_unseen_paintings() -> None:
    rows = {(row.method, row.unseen): row for row in evaluation().rows}
    assert set(rows) == {("palette", False), ("good", False), ("bad", False), ("good", True)}
    assert rows["good", False].measures["squeeze_3"].mean == pytest.approx(0.25)
    assert rows["good", False].measures[TO_PALETTE].mean == pytest.approx(0.25 / 0.7)
    assert rows["good", True].images == 1
    assert TO_PALETTE not in rows["good", True].measures
    assert "unrest" not in rows["good", False].measures


def test_a_method_worse_on_both_axes_says_by_which() -> None:
    rows = {(row.method, row.unseen): row for row in evaluation().rows}
    assert rows["bad", False].dominated_by == ("good",)
    assert rows["good", False].dominated_by == ()


def test_the_evaluation_survives_its_file() -> None:
    before = evaluation()
    assert Evaluation.model_validate_json(before.model_dump_json()) == before
