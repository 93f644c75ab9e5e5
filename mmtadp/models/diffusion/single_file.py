"""Read Stable Diffusion checkpoints that are one file in CompVis layout."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.logging import print_log
from torch import Tensor, nn

from mmtadp.utils.errors import RunError
from mmtadp.utils.tensor_files import read_weights

from .compvis_keys import PREFIXES, component_names, fit_pointwise
from .compvis_layout import (
    UNKNOWN,
    canonical_names,
    describe_inputs,
    describe_missing,
    leftover_reason,
)
from .state_dicts import OTHER_ARCHITECTURE, check_keys, load_strictly

SUFFIXES = ('.safetensors', '.ckpt', '.pt', '.pth', '.bin')
ADVICE = 'Use the `.safetensors` release of the model, or a diffusers folder'


@dataclass(frozen=True)
class SingleFile:
    """The model in a single file.

    Attributes:
        source (str): The argument that names it, for messages.
        tensors (dict[str, Tensor]): CompVis key to tensor, of the model's parts alone.
        keys (list[str]): All keys of the file.
    """

    source: str
    tensors: dict[str, Tensor]
    keys: list[str]


def read_single_file(path: Path, argument: str, parts: Iterable[str]) -> SingleFile:
    """Read the tensors of a single file, never its code; what is not the model is left out.

    Args:
        path (Path): The file, a safetensors file or one of ``torch.save`` by its content.
        argument (str): The argument that names the file, for messages.
        parts (Iterable[str]): The parts that it must hold, keys of
            :data:`.compvis_keys.PREFIXES`.

    Returns:
        SingleFile: The model's tensors. The rest is logged.

    Raises:
        RunError: If the file cannot be read as tensors alone, or lacks one of the parts.
    """
    source = f"{argument}='{path}'"
    tensors = canonical_names(read_weights(path, source, ADVICE, mmap=True).tensors)
    own, left = {}, {}
    for key, tensor in tensors.items():
        reason = leftover_reason(key)
        if reason is None:
            own[key] = tensor
        else:
            left.setdefault(reason, []).append(key)
    for part in parts:
        if not any(key.startswith(PREFIXES[part]) for key in own):
            raise RunError(describe_missing(source, part, PREFIXES[part], tensors))
    for reason, keys in left.items():
        print_log(
            f"{source}: {len(keys)} tensors are left out ({reason}), e.g. '{keys[0]}'",
            logger='current',
            level=logging.WARNING if reason == UNKNOWN else logging.INFO,
        )
    return SingleFile(source, own, list(tensors))


def load_component(component: str, module: nn.Module, file: SingleFile) -> None:
    """Load one component of a single file; every tensor is accounted for.

    Args:
        component (str): A key of :data:`.compvis_keys.PREFIXES`.
        module (nn.Module): The U-Net, autoencoder or text model; it keeps its precision.
        file (SingleFile): The file, which has this part.

    Raises:
        RunError: If a tensor is missing, unexpected, has another shape, or is not finite.
    """
    prefix = PREFIXES[component]
    present = {key for key in file.tensors if key.startswith(prefix)}
    own = module.state_dict()
    names = component_names(component, own)
    missing = {f'{name} ({key})' for key, name in names.items() if name not in present}
    advice = OTHER_ARCHITECTURE
    if component == 'unet':
        advice = f'{_inputs_of_unet(file.tensors, own)} {advice}'.strip()
    check_keys(file.source, component, missing, present - set(names.values()), advice)
    state = {key: fit_pointwise(file.tensors[n], own[key].ndim) for key, n in names.items()}
    load_strictly(file.source, component, module, state, advice)


def _inputs_of_unet(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    first = tensors.get(f'{PREFIXES["unet"]}input_blocks.0.0.weight')
    if first is None or first.ndim != 4:
        return ''
    return describe_inputs(
        first.shape[1], _width(tensors), own['conv_in.weight'].shape[1], _width(own)
    )


def _width(tensors: Mapping[str, Tensor]) -> int | None:
    keys = (key for key in tensors if key.endswith('.attn2.to_k.weight'))
    return next((tensors[key].shape[-1] for key in keys), None)
