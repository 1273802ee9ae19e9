"""The motion encoder of IMU2CLIP: convolutions, then a recurrent layer.

Written anew from a description. Source: Moon et al. 2022, arXiv:2210.14395; its weights were never released.
"""

from typing import Final

from torch import Tensor, nn

N_READINGS: Final = 1000
"""Five seconds at 200 Hz; the original works with no other length, because its recurrence runs over channels."""


class Imu2Clip(nn.Module):
    """Readings [b, 6, 1000] to embeddings [b, d_out].

    Args:
        width: Channels of the convolutions, and of the recurrence's input.
        d_out: Width of the embedding.
        transposes: Let the recurrence run over time. The original lets it run over channels, taking the 32 moments left
            by the convolutions as features; weights trained by its code need that.
    """

    def __init__(self, *, width: int = 32, d_out: int = 512, transposes: bool = False) -> None:
        super().__init__()
        self.transposes = transposes
        channels = (6, width, width, width)
        blocks: list[nn.Module] = [nn.GroupNorm(2, 6)]
        for number, kernel in enumerate((10, 5, 5)):
            convolution = nn.Conv1d(channels[number], channels[number + 1], kernel, dilation=2, bias=False)
            blocks.extend((convolution, nn.MaxPool1d(3)))
        self.convolutions = nn.Sequential(*blocks, nn.GroupNorm(4, width))
        self.recurrence = nn.GRU(width, d_out, batch_first=True)

    def forward(self, readings: Tensor) -> Tensor:
        seen = self.convolutions(readings)  # [b, width, 32]
        if self.transposes:
            seen = seen.transpose(1, 2)
        last: Tensor = self.recurrence(seen)[1][0]
        return last
