"""Frozen encoders behind one interface: media in, tokens out."""

from model_adapter.reference.encoders.encoder import Encoder, EncoderSpec
from model_adapter.reference.encoders.table import encoder_spec, make_encoder

__all__ = ["Encoder", "EncoderSpec", "encoder_spec", "make_encoder"]
