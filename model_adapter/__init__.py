"""Adapters: every model behind one interface."""

from model_adapter.adapter import Adapter, Capabilities, Decoding, Generation, Request, Usage, text_generation
from model_adapter.replay import MADE_NAME, ReplayAdapter
from model_adapter.scripted import ScriptedAdapter

__all__ = [
    "MADE_NAME",
    "Adapter",
    "Capabilities",
    "Decoding",
    "Generation",
    "ReplayAdapter",
    "Request",
    "ScriptedAdapter",
    "Usage",
    "text_generation",
]
