"""The reference model: one implementation of NExT-GPT, AnyMAL and MiniGPT-v2, each a preset."""

import logging

from model_adapter.reference.presets import PRESETS, Preset, find_preset

__all__ = ["PRESETS", "Preset", "find_preset"]

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # others import it, and it tells of kernels it can do without
