"""Makes a network narrower without learning: the channels that the others can stand in for best are left out.

Block by block, the channel goes whose loss, once the remaining weights are refitted, changes the block's outcome least
in the mean square over example pictures: Optimal Brain Surgeon (Hassibi and Stork, 1993) on whole channels. The blocks
that follow see what the narrowed ones before them deliver, and are fitted to what the whole network makes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from workbench.errors import UsageError
from workbench.training.points.network import Block, PointNetwork, Widths

MOST_CELLS = 40_000
"""Of one batch of examples: more cells tell no more about a few hundred channels."""

STEADIED = 1e-4  # of the mean square, added to every channel's, so that channels that say the same can be told apart

BlockDone = Callable[[int, float], None]
"""Called with the block's number and what is lost up to it: the mean square of the change over that of the outcome."""


@torch.no_grad()
def narrow(
    network: PointNetwork, widths: Widths, examples: Sequence[Tensor], *, done: BlockDone | None = None
) -> PointNetwork:
    """``network`` with ``widths`` channels inside its blocks. ``examples``: batches (N, 3, H, W) of its pictures.

    Raises UsageError for widths that the network does not have.
    """
    if len(widths) != len(network.widths) or any(map(int.__gt__, widths, network.widths)):
        raise UsageError(f"widths {widths} do not fit into a network of {network.widths}")
    narrowed = PointNetwork(widths)
    own = narrowed.state_dict()
    same = {name: values for name, values in network.state_dict().items() if own[name].shape == values.shape}
    narrowed.load_state_dict(same, strict=False)
    wanted = passed = list(examples)
    for number, (block, small) in enumerate(zip(network.blocks, narrowed.blocks, strict=True)):
        assert isinstance(block, Block)
        assert isinstance(small, Block)
        wanted = [block(each) for each in wanted]
        _fill(small, block, passed, wanted)
        passed = [small(each) for each in passed]
        if done is not None:
            done(number, _lost(passed, wanted))
    return narrowed


def _fill(small: Block, block: Block, passed: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
    """Give ``small`` the channels of ``block`` that make most of what is ``wanted`` of what is ``passed`` to it."""
    moments = _second_moments(block, passed)
    kept = _left_out(_projection(block), moments, to=small.filter.out_channels)
    for layer in ("expand", "filter"):
        for name, values in getattr(block, layer).named_parameters():
            getattr(small, layer).get_parameter(name).copy_(values[kept])
    # What the blocks before lost is made up for here, as far as it can be.
    missing = [want - have if block.adds else want for want, have in zip(wanted, passed, strict=True)]
    fitted = _fitted(small, passed, missing)
    small.project.weight.copy_(fitted[:, :-1, None, None])
    assert small.project.bias is not None
    small.project.bias.copy_(fitted[:, -1])


def _lost(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The mean square of what is missing, over that of what is ``wanted``."""
    off = sum(float(((have - want) ** 2).sum()) for have, want in zip(found, wanted, strict=True))
    return off / sum(float((want**2).sum()) for want in wanted)


def _fitted(small: Block, passed: Sequence[Tensor], missing: Sequence[Tensor]) -> Tensor:
    """The last weights (after, width + 1), the bias as the last column, that make most of what is ``missing``."""
    width = small.filter.out_channels
    sums = torch.zeros(width + 1, width + 1, dtype=torch.float64)
    products = torch.zeros(missing[0].shape[1], width + 1, dtype=torch.float64)
    for have, want in zip(passed, missing, strict=True):
        inside = _cells(small.inside(have))
        sums += inside.T @ inside
        products += want.permute(0, 2, 3, 1).flatten(0, 2).double().T @ inside
    sums.diagonal()[:width] += STEADIED * sums.diagonal().mean()
    fitted: Tensor = torch.linalg.solve(sums, products.T)
    return fitted.T


def _projection(block: Block) -> Tensor:
    """The block's last weights (after, width + 1) in double precision, their bias as the last column."""
    assert block.project.bias is not None
    return torch.cat([block.project.weight[:, :, 0, 0], block.project.bias[:, None]], dim=1).double()


def _second_moments(block: Block, passed: Sequence[Tensor]) -> Tensor:
    """(width + 1, width + 1): mean products of the channels inside the block, and of a last one that is always 1."""
    width = block.filter.out_channels
    sums, cells = torch.zeros(width + 1, width + 1, dtype=torch.float64), 0
    for features in passed:
        inside = _cells(block.inside(features))
        inside = inside[torch.randperm(len(inside))[:MOST_CELLS]]
        sums += inside.T @ inside
        cells += len(inside)
    return sums / cells


def _cells(inside: Tensor) -> Tensor:
    """(cells, width + 1): the channels of every cell, and 1."""
    cells = inside.permute(0, 2, 3, 1).flatten(0, 2).double()
    return torch.cat([cells, torch.ones(len(cells), 1, dtype=torch.float64)], dim=1)


def _left_out(weights: Tensor, moments: Tensor, *, to: int) -> Tensor:
    """The numbers of the ``to`` channels that stay."""
    width = len(moments) - 1
    fitted = weights.clone()
    steadied = moments.clone()
    steadied.diagonal()[:width] += STEADIED * moments.diagonal().mean()
    inverse = torch.linalg.inv(steadied)
    stays = torch.ones(width + 1, dtype=torch.bool)
    for _ in range(width - to):
        loss = (fitted**2).sum(dim=0) / inverse.diagonal()
        loss[~stays] = torch.inf
        loss[width] = torch.inf  # the bias
        goes = int(loss.argmin())
        share = inverse[goes] / inverse[goes, goes]
        fitted -= torch.outer(fitted[:, goes], share)
        inverse -= torch.outer(inverse[:, goes], share)
        inverse[goes, goes] = 1.0
        fitted[:, goes] = 0.0
        stays[goes] = False
    return stays[:width].nonzero()[:, 0]
