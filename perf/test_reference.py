"""Generation in one batch beside one request at a time: 64 requests of mixed lengths, 32 new tokens each."""

import pytest
import torch
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

from model_adapter import Decoding, Request
from model_adapter.reference import find_preset
from model_adapter.reference.adapter import ReferenceAdapter, random_adapter
from model_adapter.reference.tiny import byte_tokenizer
from shards.sample import Text, Turn

N_REQUESTS, N_NEW = 64, 32


@pytest.fixture(scope="module")
def adapter() -> ReferenceAdapter:
    """The tiny MiniGPT-v2: what is measured is the overhead of a step, which a batch pays once."""
    return random_adapter(find_preset("tiny-minigpt"), byte_tokenizer())


def requests() -> list[Request]:
    """From one word to about forty."""
    texts = [" ".join(["word"] * (1 + 7 * number % 40)) + f" {number}?" for number in range(N_REQUESTS)]
    decoding = Decoding(max_new_tokens=N_NEW)
    return [Request(key=text, turns=(Turn("human", (Text(text),)),), task="perf", decoding=decoding) for text in texts]


def test_a_batch_beside_one_by_one(benchmark: BenchmarkFixture, adapter: ReferenceAdapter) -> None:
    torch.set_num_threads(1)
    asked = requests()
    alone: list[object] = []
    answers = beside(
        benchmark,
        lambda: adapter.generate(asked),
        n=N_REQUESTS,
        peer=lambda: alone.extend(adapter.generate([one])[0] for one in asked),
    )
    assert answers == alone
