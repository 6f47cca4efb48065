"""The embedded model's weights in torch, a LoRA on top of them, and a trained LoRA as a file that llama.cpp reads.

Invariants: the torch model has the tokens, the weights (dequantised to float32) and the end token of its GGUF file. An
adapter file is written as a whole or not at all, and names the weights that it belongs to.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from ..errors import BadOption, MissingExtra, MissingWeights
from ..files import replacing
from ..models.base import Style
from ..models.providers.lora import KEYS, read_adapter
from ..models.providers.shipped_weights import default_weights

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_GGUF = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass
class Weights:
    """A causal language model in torch.

    Attributes:
        model: a transformers `PreTrainedModel`, or a peft model around it.
        tokenizer: its tokenizer.
        sha256: of its GGUF file; empty for a transformers folder.
    """

    model: Any
    tokenizer: Any
    sha256: str = ""


def import_torch() -> Any:
    """The module torch.

    Raises:
        MissingExtra: it is not installed.
    """
    # Threads spin at the end of every layer; beside any other process that is very slow, so spin only briefly.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import torch
    except ImportError:
        raise MissingExtra.of("torch", "train") from None
    return torch


def unwrap_peft(model: Any) -> Any:
    """The transformers model inside a peft model, with its LoRA layers; any other model as it is."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the machine or of the device."""
    return isinstance(error, MemoryError | import_torch().OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def load_weights(base: str | None = None) -> Weights:
    """Weights in float32: those of the embedded model, of another GGUF file, or of a transformers folder.

    Reading a GGUF file takes half a minute. A copy in transformers' format (540 MB for the embedded model) is kept in
    the user's cache; with it the next call takes a second.

    Raises:
        MissingExtra: torch or transformers is not installed.
        MissingWeights: there is no such file.
    """
    torch = import_torch()
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise MissingExtra.of("transformers", "train") from None
    path = default_weights() if base is None else Path(base)
    if not path.exists():
        raise MissingWeights(f"there is no file {str(path)!r}", remedy="Give a GGUF file or a transformers folder.")
    with _quiet():
        if path.is_dir():
            model = AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32, local_files_only=True)
            return Weights(model, AutoTokenizer.from_pretrained(str(path), local_files_only=True))
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        folder = _converted(path, sha256)
        model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, local_files_only=True)
        return Weights(model, AutoTokenizer.from_pretrained(str(folder), local_files_only=True), sha256)


def add_lora(
    model: Any, *, rank: int = 8, alpha: float = 16, dropout: float = 0.0, seed: int = 0, first_layer: int = 0
) -> Any:
    """The model with a new LoRA on all linear layers of attention and MLP; only the LoRA is trained.

    `lora_a` is drawn from `seed` and `lora_b` is zero, so the model's answers are unchanged at first (Hu et al. 2021,
    2106.09685).

    Args:
        first_layer: the first layer that gets a LoRA. Layers below it need no gradient, so training is faster.
    """
    if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
        raise BadOption(f"LoRA of rank {rank}, alpha {alpha}, dropout {dropout}", remedy="Use rank >= 1, alpha > 0.")
    torch = import_torch()
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingExtra.of("peft", "train") from None
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft uses a deprecated name of transformers
        torch.manual_seed(seed)
        settings = LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=dropout,
            target_modules=list(LAYERS),
            task_type="CAUSAL_LM",
            layers_to_transform=list(range(first_layer, model.config.num_hidden_layers)) if first_layer else None,
        )
        return get_peft_model(model, settings)


def save_adapter(model: Any, path: Path, *, name: str, sha256: str, style: Style = "tuned", note: str = "") -> None:
    """Write a peft model's LoRA as a GGUF adapter in half precision, as a whole or not at all.

    Args:
        name: its name in tables: `embedded:NAME`.
        sha256: of the weights that it was trained on.
        style: the prompt style that it was trained in.
        note: what the reader of a report must know about it.
    """
    try:
        from gguf import GGUFWriter
    except ImportError:
        raise MissingExtra.of("gguf", "embedded") from None
    import numpy as np

    config, settings = model.config, next(iter(model.peft_config.values()))
    with replacing(path) as part:
        writer = GGUFWriter(str(part), "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(settings.lora_alpha))
        for key, value in (("name", name), ("base", sha256), ("style", style), ("note", note)):
            writer.add_string(KEYS[key], value)
        for module_name, module in model.named_modules():
            if not hasattr(module, "lora_A") or "default" not in module.lora_A:
                continue
            layer, _, kind = module_name.partition(".layers.")[2].partition(".")
            a = module.lora_A["default"].weight.detach().cpu().numpy()
            b = module.lora_B["default"].weight.detach().cpu().numpy()
            heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(_GGUF[kind])
            if heads:  # llama.cpp keeps the two halves of a rotary pair next to each other
                b = b.reshape(heads, 2, b.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(b.shape)
            for end, values in (("lora_a", a), ("lora_b", b)):
                writer.add_tensor(f"blk.{layer}.{_GGUF[kind]}.weight.{end}", np.ascontiguousarray(values, np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def attach_adapter(model: Any, path: Path) -> Any:
    """The model with the LoRA of a GGUF adapter, ready to be trained further: the inverse of `save_adapter`.

    Layers that the file does not hold get a new LoRA, which has no effect until it is trained.

    Raises:
        MissingWeights: the file is not an adapter, or is one for layers that this model does not have.
    """
    torch = import_torch()
    read_adapter(path)
    from gguf import GGUFReader

    file = GGUFReader(str(path))
    alpha = float(file.fields["adapter.lora.alpha"].contents())
    tensors = {t.name: t.data for t in file.tensors}
    rank = next((t.shape[0] for name, t in tensors.items() if name.endswith("lora_a")), 0)
    tuned = add_lora(model, rank=rank, alpha=alpha)
    config = tuned.config
    for module_name, module in tuned.named_modules():
        if not hasattr(module, "lora_A") or "default" not in module.lora_A:
            continue
        layer, _, kind = module_name.partition(".layers.")[2].partition(".")
        name = f"blk.{layer}.{_GGUF[kind]}.weight"
        if f"{name}.lora_a" not in tensors:
            continue
        a, b = (torch.tensor(tensors.pop(f"{name}.{end}")).float() for end in ("lora_a", "lora_b"))
        if a.shape[1] != module.in_features or b.shape[0] != module.out_features:
            raise MissingWeights(f"{path.name!r} does not fit {module_name}", remedy="Give an adapter of this model.")
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(_GGUF[kind])
        if heads:  # llama.cpp keeps the two halves of a rotary pair next to each other
            b = b.reshape(heads, b.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(b.shape)
        with torch.no_grad():
            module.lora_A["default"].weight.copy_(a)
            module.lora_B["default"].weight.copy_(b)
    if tensors:
        raise MissingWeights(f"{path.name!r} has layers that the model lacks", remedy="Give an adapter of this model.")
    return tuned


def _converted(path: Path, sha256: str) -> Path:
    """The GGUF file in transformers' format, in the user's cache; made once, as a whole or not at all."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch = import_torch()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "akrasia"
    ready = cache / f"torch-{sha256[:16]}"
    if (ready / "config.json").is_file():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="torch-part-") as folder:
        try:
            model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
        except (ValueError, OSError, RuntimeError) as error:
            raise MissingWeights(f"{str(path)!r} cannot be read as weights", str(error).split("\n")[0]) from error
        model.hf_quantizer = None  # the weights that are kept are dequantised
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        part = Path(folder) / "whole"
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        try:
            part.rename(ready)
        except OSError:  # another process was first
            if not (ready / "config.json").is_file():
                raise
    return ready


@contextmanager
def _quiet() -> Any:
    """No network and no progress bars: everything that is loaded is on this machine."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
