"""Gradio's own files stay as they were installed when the page starts."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import workbench.ui
from pathlib import Path
written = []
Path.write_text = lambda self, *_, **__: written.append(self)
parsed = []
import ast
parse = ast.parse
ast.parse = lambda code, *rest, **named: parsed.append(code) or parse(code, *rest, **named)
import gradio
assert gradio.Slider(1).value == 1
print(len(written), sum("class Slider(" in code for code in parsed if isinstance(code, str)))
"""


def test_no_component_is_parsed_and_no_stub_written() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
    without = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("import workbench.ui\n", "")], capture_output=True, text=True, check=True
    )
    assert int(without.stdout.split()[1]) > 0, "Gradio no longer writes stubs: workbench.ui.gradio_stubs can go"
