"""From the language model's states at signal tokens to the conditioning of a diffusion model.

Source: Wu et al. 2024, arXiv:2309.05519v3, section 3 and appendix C.2 (width 512, 4 heads, 4 + 4 layers).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SignalProjection(nn.Module):
    """States at a run of signal tokens [b, n_signals, d_llm] to conditioning [b, n_queries, d_out].

    A Transformer reads the states; learned queries ask for each position of the conditioning.

    Args:
        d_llm: Width of the language model.
        d_out: Width of the conditioning: of the diffusion model's text encoder.
        n_queries: Positions of the conditioning.
        width: Inner width.
        n_heads: Attention heads.
        n_layers: Layers of the encoder, and of the decoder.
        dropout: As the paper has it; the authors' code uses 0.
        is_unit: Scale each vector to length one, as the text embeddings of CLAP are.
    """

    def __init__(
        self,
        d_llm: int,
        d_out: int,
        *,
        n_queries: int,
        width: int = 512,
        n_heads: int = 4,
        n_layers: int = 4,
        dropout: float = 0.1,
        is_unit: bool = False,
    ) -> None:
        super().__init__()
        self.is_unit = is_unit
        self.enter = nn.Linear(d_llm, width)
        self.queries = nn.Parameter(torch.randn(1, n_queries, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, n_heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.transformer = nn.Transformer(
            d_model=width,
            nhead=n_heads,
            num_decoder_layers=n_layers,
            dim_feedforward=4 * width,
            dropout=dropout,
            # Made here because nn.Transformer cannot switch off nested tensors, which pre-norm layers do not take.
            custom_encoder=nn.TransformerEncoder(layer, n_layers, nn.LayerNorm(width), enable_nested_tensor=False),
            norm_first=True,
            batch_first=True,
        )
        self.leave = nn.Linear(width, d_out)

    def forward(self, states: Tensor) -> Tensor:
        asked = self.queries.expand(len(states), -1, -1)
        conditioning: Tensor = self.leave(self.transformer(self.enter(states), asked))
        return functional.normalize(conditioning, dim=-1) if self.is_unit else conditioning
