"""The reference model's tests run tiny networks: one thread each, since several test processes share the cores."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
