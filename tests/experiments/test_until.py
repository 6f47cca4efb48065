"""What a run waits for is read, or refused before anything is written."""

from typing import Any

import pytest

from akrasia.errors import BadOption, UnknownName
from akrasia.experiments import assemble
from akrasia.experiments.until import Until


@pytest.mark.parametrize("text", ["gap +- 0.05", "gap+-0.05", " gap ± .05", "gap +/- 5e-2"])
def test_what_is_waited_for_is_read(text: str) -> None:
    assert str(Until.parse(text)) == "gap +- 0.05"
    assert Until.parse("doing difference +- 0.1").paired


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("gap", BadOption, 'Write "gap +- 0.05"'),
        ("gap +- 0", BadOption, "between 0 and 1"),
        ("gap +- 1.2.3", BadOption, "between 0 and 1"),
        ("gip +- 0.1", UnknownName, "Did you mean 'gap'"),
        ("regret +- 0.1", BadOption, "it is no share of steps"),
        (0.05, BadOption, "until is 0.05"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(text: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says.replace("+", r"\+")):
        assemble({"task": "bandit", "model": "simulated", "variants": ["act"], "until": text})


def test_a_difference_needs_a_variant_that_is_no_control() -> None:
    variants = ["reason_act", "reason_act | placebo"]
    with pytest.raises(BadOption, match="no variant to compare"):
        assemble({"task": "bandit", "model": "simulated", "variants": variants, "until": "gap difference +- 0.1"})
