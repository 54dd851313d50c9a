"""Presets: the options of every stage in one strict file.

``model`` is the shape, ``messages`` the words for what does not fit it, ``files`` loads, saves, lists and compares.
"""

from workbench.presets.files import check_preset, list_presets, load_preset, preset_text, save_preset
from workbench.presets.model import Preset
from workbench.presets.settings import diff_presets, with_settings

__all__ = [
    "Preset",
    "check_preset",
    "diff_presets",
    "list_presets",
    "load_preset",
    "preset_text",
    "save_preset",
    "with_settings",
]
