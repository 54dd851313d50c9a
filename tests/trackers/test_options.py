"""The section ``tracker`` of a preset."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from workbench.trackers.options import TrackerOptions


def test_the_three_usual_keys_are_enough() -> None:
    options = TrackerOptions.model_validate({"type": "deepsort", "max_age": 30, "nn_budget": 100})
    assert options == TrackerOptions()


@pytest.mark.parametrize(
    "section", [{"type": "sort"}, {"max_age": 0}, {"max_age": "30"}, {"max_distance": 0.0}, {"max_agee": 3}]
)
def test_mistakes_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrackerOptions.model_validate(section)


def test_every_option_has_its_words_in_both_languages() -> None:
    for field in TrackerOptions.model_fields.values():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        assert field.title and field.description and extra["title_zh"] and extra["help_zh"]
