"""``workbench train``: a face detector of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.lines import tell
from workbench.cli.progress import shown
from workbench.errors import UsageError

ANY_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--data", required=True, type=ANY_PATH, metavar="DIR", help="A folder with images/ and labels/.")
@click.option("--recipe", "name", default="face-small", show_default=True, help="A shipped recipe, or a .yaml file.")
@click.option("-o", "--output", required=True, type=ANY_PATH, metavar="RUN", help="The run's folder.")
@click.option("--resume", is_flag=True, help="Go on where RUN was broken off.")
@click.option("--start", type=ANY_PATH, metavar="FILE.pt", help="Begin with these weights instead of the recipe's.")
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

    RUN/NAME.onnx is the detector, RUN/weights/last.pt what --resume goes on from, RUN/learning_curve.csv how the
    losses fell.
    """
    from workbench.training.export import finish
    from workbench.training.labels import load_photographs
    from workbench.training.recipe import load_recipe
    from workbench.training.run import train as train_by

    recipe = load_recipe(name, data)
    if start is not None:
        recipe = recipe.model_copy(update={"start": str(start)})
    if epochs is not None:
        recipe = recipe.model_copy(update={"epochs": epochs, "hours": None})
    if limit is not None:
        recipe = recipe.model_copy(update={"scenes_per_epoch": min(limit, recipe.scenes_per_epoch)})
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is no folder; name a folder for the run")
    output.mkdir(parents=True, exist_ok=True)
    with shown("labels") as progress:
        photographs = load_photographs(
            data, recipe.labels, kept=output / "teachers.jsonl", limit=limit, progress=progress
        )
    tell(f"{len(photographs)} pictures, {sum(len(photo.faces) for photo in photographs)} faces to learn")

    def told(epoch: int, losses: dict[str, float]) -> None:
        words = ", ".join(f"{loss.removesuffix('_loss')} {value:.3f}" for loss, value in losses.items())
        tell(f"epoch {epoch}: loss {words}")

    checkpoint = train_by(photographs, recipe, output, device=device, resume=resume, epoch_done=told)
    model, note = finish(checkpoint, data, recipe, output / f"{recipe.name}.onnx")
    tell(f"{model}: {note}")
