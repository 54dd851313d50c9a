"""``workbench train-mask``: faces that belong to nobody, learnt from pictures of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.lines import tell

ANY_PATH = click.Path(path_type=Path)


@click.command(name="train-mask")
@click.argument("kind", type=click.Choice(["gan", "diffusion"]))
@click.option("--data", required=True, type=ANY_PATH, metavar="DIR", help="Pictures of faces with an index.csv.")
@click.option("-o", "--output", required=True, type=ANY_PATH, metavar="RUN", help="The run's folder.")
@click.option("--steps", type=click.IntRange(min=1), default=60000, show_default=True, help="Steps to learn in all.")
@click.option("--batch", type=click.IntRange(min=2), default=12, show_default=True, help="Pictures a step.")
@click.option("--resume", is_flag=True, help="Go on where RUN was broken off.")
@click.option(
    "--start",
    type=ANY_PATH,
    metavar="FILE",
    help="Begin with another run's weights: last.pt, or diffusion/.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda for an NVIDIA GPU.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the pictures' order and changes.")
def train_mask(
    *,
    kind: str,
    data: Path,
    output: Path,
    steps: int,
    batch: int,
    resume: bool,
    start: Path | None,
    device: str,
    seed: int,
) -> None:
    """Train the gan or diffusion mask on pictures of people who agreed, or who do not exist, and export it.

    RUN/gan.onnx or RUN/diffusion/ is the mask, RUN/last.pt what --resume goes on from, RUN/learning_curve.csv how the
    losses fell, RUN/samples.png what it invents.
    """
    from workbench.training.masks.run import train

    def told(done: int, losses: dict[str, float]) -> None:
        tell(f"step {done}: " + ", ".join(f"{name} {value:.3f}" for name, value in losses.items()))

    made = train(
        kind, data, output, steps=steps, batch=batch, resume=resume, start=start, device=device, seed=seed, told=told
    )
    tell(f"{made} is ready; put it into a models folder, or name it in models/manifest.yaml")
