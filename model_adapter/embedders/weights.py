"""Files of weights: where they are, what they are by their hash, and how they are fetched.

No hash of a published file was found in a source that could be read, so that each is pinned where it is met first:
`pins.json` in the cache folder keeps the sha256 by embedder, and another file under that name is refused.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from model_adapter.embedders.embedder import EmbedderSpec
from model_adapter.errors import AdapterError
from shards.errors import UsageError, told_as
from shards.files import make_folder, write_atomic

if TYPE_CHECKING:
    from torch import nn

_SUFFIXES: Final = (".safetensors", ".bin", ".pth", ".pt")
_IGNORED: Final = ("tf_model*", "flax_model*", "*.onnx", "*.msgpack", "*.h5")


def weights_folder() -> Path:
    """Where fetched weights and pins are kept: `anymodal/weights` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anymodal" / "weights"


def find_weights(spec: EmbedderSpec, given: Path | None = None) -> Path:
    """The file or folder that was given, else what was fetched.

    Raises:
        UsageError: If there is none.
    """
    path = given or weights_folder() / spec.name
    if path.exists():
        return path
    remedy = f"--weights PATH; {f'anymodal weights fetch {spec.name} --allow-network' if spec.hub else spec.weights}"
    raise UsageError(f"weights of {spec.name}", expected="a file or folder", found=f"no {path}", remedy=remedy)


def weights_state(spec: EmbedderSpec) -> str:
    """In words: whether weights were fetched, and which were met first, or what is wrong with the file of pins."""
    if not spec.weights:
        return "needs none"
    try:
        pinned = read_pins().get(spec.name)
    except AdapterError as error:
        return str(error)
    fetched = "fetched" if (weights_folder() / spec.name).exists() else "not fetched"
    return f"{fetched}, pinned {pinned[:12]}" if pinned else fetched


def weights_sha256(path: Path) -> str:
    """sha256 of the file; of a folder's only file of weights, or of the hashes of several, by name.

    Where the same weights lie in several formats, safetensors count.

    Raises:
        AdapterError: If a folder holds no weights.
    """
    files = [path] if path.is_file() else _weight_files(path)
    digests = []
    for one in files:
        with one.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _weight_files(folder: Path) -> list[Path]:
    for suffix in _SUFFIXES:
        found = sorted(folder.glob(f"*{suffix}"))
        if found:
            return found
    raise AdapterError(str(folder), expected=f"a file of weights ({', '.join(_SUFFIXES)})", found="none")


def read_pins() -> dict[str, str]:
    """The sha256 of each embedder's weights as they were met first.

    Raises:
        AdapterError: If the file of pins is damaged.
    """
    path = weights_folder() / "pins.json"
    with told_as(msgspec.DecodeError, AdapterError, str(path), expected="names and hashes, or no such file"):
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.exists() else {}


def pin(name: str, sha256: str) -> None:
    """Keep the hash at the first meeting, and refuse another one at later ones.

    Raises:
        AdapterError: If another file was met under this name before.
    """
    pins, path = read_pins(), weights_folder() / "pins.json"
    if pins.setdefault(name, sha256) != sha256:
        remedy = f"if the new file is meant, remove {name} from {path}"
        raise AdapterError(
            f"weights of {name}", expected=f"sha256 {pins[name]} as at first use", found=sha256, remedy=remedy
        )
    make_folder(path.parent)
    write_atomic(path, msgspec.json.format(msgspec.json.encode(pins, order="sorted")) + b"\n")


def fetch(spec: EmbedderSpec, *, allow_network: bool) -> Path:
    """Download an embedder's weights from the hub and pin their hash.

    Until all files are whole and have the pinned hash they lie in a folder NAME.part, from which a later call goes on.

    Raises:
        UsageError: If the network was not allowed, or the weights are not on the hub.
        AdapterError: If the hub cannot be reached, or serves other weights than before.
    """
    place = f"weights of {spec.name}"
    if spec.hub is None:
        found = spec.weights or "some that ship"
        raise UsageError(place, expected="weights on the hub", found=found, remedy="--weights PATH")
    if not allow_network:
        raise UsageError(place, expected="leave to use the network", found="none", remedy="--allow-network")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    folder = weights_folder() / spec.name
    part = folder.with_name(f"{spec.name}.part")
    # Which HTTP library the client uses, and so what a broken line raises, differs by its version.
    of_transport: Any = HfHubHTTPError.__bases__
    try:
        snapshot_download(spec.hub, local_dir=part, ignore_patterns=list(_IGNORED))
    except (*of_transport, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        found = " ".join(str(error).split())
        raise AdapterError(place, expected=f"{spec.hub} on the hub", found=f"{found:.200}") from error
    pin(spec.name, weights_sha256(part))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return folder


def load_state(network: "nn.Module", path: Path, *, inside: str | None = None) -> None:
    """Load a state dict strictly; nothing is unpickled but tensors.

    Args:
        network: Takes the weights.
        path: A `.safetensors` or PyTorch file.
        inside: The name under which the file holds the state dict, if it holds more.

    Raises:
        AdapterError: If the file is no state dict, or of another network.
    """
    state = _read_state(path)
    state = state.get(inside, state) if inside else state
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in state.items()}
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    wrong = sorted(name for name in (own.keys() | theirs.keys()) - optional if own.get(name) != theirs.get(name))
    if wrong:
        first = wrong[0]
        found = f"{len(wrong)} others, such as {first}: {theirs.get(first, 'absent')} for {own.get(first, 'absent')}"
        raise AdapterError(str(path), expected=f"the {len(own)} tensors of {type(network).__name__}", found=found)
    network.load_state_dict(state, strict=False)


def _read_state(path: Path) -> Mapping[str, Any]:
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.is_dir():
        path = _weight_files(path)[0]
    try:
        state: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise AdapterError(str(path), expected="a file of tensors", found=f"{error!s:.200}") from error
    if not isinstance(state, dict):
        raise AdapterError(str(path), expected="a state dict", found=type(state).__name__)
    return state
