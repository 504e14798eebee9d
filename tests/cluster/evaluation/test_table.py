from giornata.cluster.evaluation.table import markdown
from tests.cluster.evaluation.readings import evaluation


def test_the_table_names_what_was_not_measured_and_no_preference_without_votes() -> None:
    text = markdown(evaluation(missing={"vgg19": "no file"}, left_out=("gatys: not measured: left out",)))
    assert "VGG-19 (trained on): not measured: no file" in text
    assert "gatys: not measured: left out" in text
    assert "Not measured: nobody voted" in text
    assert "VGG-19 (trained on) ↓" not in text
    assert "## Paintings no training saw" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines
    assert all(line.count("|") > 2 for line in lines)
