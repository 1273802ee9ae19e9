"""The reference model: one implementation of NExT-GPT, AnyMAL and MiniGPT-v2, each a preset."""

from model_adapter.reference.presets import PRESETS, Preset, find_preset

__all__ = ["PRESETS", "Preset", "find_preset"]
