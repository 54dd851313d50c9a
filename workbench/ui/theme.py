"""How the page looks: calm colours, the system's own fonts, nothing fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC")
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono")


def build_theme() -> gr.themes.Base:
    """Gradio's plain theme in teal and slate, with fonts that every system has."""
    import gradio as gr

    fonts = [gr.themes.Font(name) for name in (*FONTS, "sans-serif")]
    mono = [gr.themes.Font(name) for name in (*MONO_FONTS, "monospace")]
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.sky,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_sm,
        font=fonts,
        font_mono=mono,
    )
    theme.name = "workbench"
    return theme.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="#0b1220",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="#111a2b",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="#162136",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#26334a",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        block_title_text_weight="600",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        input_background_fill="white",
        input_background_fill_dark="#0b1220",
        input_border_width="1px",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="#1b2740",
        button_secondary_background_fill_hover_dark="#24324e",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="#33425e",
        button_transition="background-color 0.15s",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        layout_gap="12px",
        form_gap_width="0px",
    )
