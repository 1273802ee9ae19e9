"""Networks that turn media into features."""

from model_adapter.embedders.embedder import Embedder, EmbedderSpec
from model_adapter.embedders.stream import Embedded, embed_all
from model_adapter.embedders.table import EMBEDDERS, open_embedder

__all__ = ["EMBEDDERS", "Embedded", "Embedder", "EmbedderSpec", "embed_all", "open_embedder"]
