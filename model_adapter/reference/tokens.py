"""Tokens that the reference model adds to a language model's vocabulary.

Source: Wu et al. 2024, arXiv:2309.05519; order and spelling are those of the released weights, where `<Img>` is 32000
and the signal tokens of image, video and audio follow. The paper prints runs of 5, 25 and 9 tokens; its own counts, and
both published codes, have 4, 24 and 8.
"""

from typing import Final

from model_adapter.reference.presets import OutputName, Preset

BEGIN_MEDIUM: Final = "<Img>"
END_MEDIUM: Final = "</Img>"
"""Around every medium that is shown, films and sounds too, where the template has them as tokens of their own."""

_PREFIXES: Final[tuple[tuple[OutputName, str], ...]] = (("image", "IMG"), ("video", "VID"), ("audio", "AUD"))


def signal_tokens(preset: Preset, output: OutputName) -> tuple[str, ...]:
    """The run of tokens by which the model asks for a medium, such as `[IMG0]` to `[IMG3]`."""
    prefix = dict(_PREFIXES)[output]
    return tuple(f"[{prefix}{number}]" for number in range(preset.outputs[output].n_signals))


def added_tokens(preset: Preset) -> tuple[str, ...]:
    """All tokens that the preset adds, in the order of their ids; none where it makes no media."""
    if not preset.outputs:
        return ()
    signals = (signal_tokens(preset, output) for output, _ in _PREFIXES if output in preset.outputs)
    return (BEGIN_MEDIUM, END_MEDIUM, *(token for run in signals for token in run))
