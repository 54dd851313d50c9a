"""The options of the output: strict, bounded, in two languages, and light to import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from workbench.video.options import OutputOptions


@pytest.mark.parametrize(
    "wrong",
    [{"crf": 52}, {"crf": -1}, {"crf": 20.5}, {"crf": "20"}, {"max_height": 15}, {"speed": "warp"}, {"codec": "x"}],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        OutputOptions(**wrong)


def test_every_option_speaks_both_languages():
    for name, field in OutputOptions.model_fields.items():
        assert field.title and field.description, name
        assert field.json_schema_extra["title_zh"] and field.json_schema_extra["help_zh"], name


def test_options_do_not_import_pyav():
    script = "import sys, workbench.video.options; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
