"""``workbench train``: a face detector of one's own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from workbench.cli.lines import tell
from workbench.cli.progress import shown
from workbench.errors import UsageError

ANY_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--data", required=True, type=ANY_PATH, metavar="DIR", help="A folder with images/ and labels/.")
@click.option(
    "--recipe", "name", default="own-recordings", show_default=True, help="A shipped recipe, or a .yaml file."
)
@click.option("-o", "--output", required=True, type=ANY_PATH, metavar="RUN", help="The run's folder.")
@click.option("--resume", is_flag=True, help="Go on where RUN was broken off.")
@click.option("--start", type=ANY_PATH, metavar="FILE", help="Begin with these weights, or a model's name.")
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the recipe's epochs or hours.")
@click.option("--limit", type=click.IntRange(min=8), help="Learn from so many pictures only: to try things out.")
@click.option("--device", default="cpu", show_default=True, help="cpu, or the number of an NVIDIA GPU: 0.")
def train(
    *,
    data: Path,
    name: str,
    output: Path,
    resume: bool,
    start: Path | None,
    epochs: int | None,
    limit: int | None,
    device: str,
) -> None:
    """Train a face detector on your own pictures, calibrate its scores and export it.

    RUN/NAME.onnx is the detector, RUN/last.pt (YOLOv8: RUN/weights/last.pt) what --resume goes on from,
    RUN/learning_curve.csv how the losses fell.
    """
    from workbench.training.detector import train_detector
    from workbench.training.recipe import load_recipe

    recipe = load_recipe(name, data)
    if start is not None:
        recipe = recipe.model_copy(update={"start": str(start)})
    if epochs is not None:
        recipe = recipe.model_copy(update={"epochs": epochs, "hours": None})
    if limit is not None:
        recipe = recipe.model_copy(update={"scenes_per_epoch": min(limit, recipe.scenes_per_epoch)})
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is no folder; name a folder for the run")

    def told(epoch: int, losses: dict[str, float]) -> None:
        words = ", ".join(f"{loss.removesuffix('_loss')} {value:.3f}" for loss, value in losses.items())
        tell(f"epoch {epoch}: loss {words}")

    with ExitStack() as looking:
        progress = looking.enter_context(shown("labels"))

        def found(pictures: int, faces: int) -> None:
            looking.close()
            tell(f"{pictures} pictures, {faces} faces to learn")

        trained = train_detector(
            data,
            recipe,
            output,
            device=device,
            resume=resume,
            limit=limit,
            progress=progress,
            found=found,
            epoch_done=told,
        )
    tell(f"{trained.weights}: {trained.note}")
