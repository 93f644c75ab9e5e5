"""Read Stable Diffusion checkpoints that are one file in CompVis layout."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mmtadp.utils.tensor_files import read_weights

from .compvis_keys import PREFIXES, component_names, fit_pointwise
from .state_dicts import check_keys, load_strictly

ADVICE = 'Use the `.safetensors` release of the model, or a diffusers folder'


def read_single_file(path: Path, argument: str = 'pretrained') -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors``, ``.ckpt`` or ``.bin`` file, never its code.

    Args:
        path (Path): The file.
        argument (str): The argument that names the file, for messages.

    Returns:
        dict[str, Tensor]: Key to tensor.

    Raises:
        ValueError: If the file holds anything but tensors and plain containers, or cannot be
            read.
    """
    return read_weights(path, f"{argument}='{path}'", ADVICE).tensors


def load_component(
    source: str, component: str, module: nn.Module, checkpoint: Mapping[str, Tensor]
) -> None:
    """Load one component of a CompVis checkpoint; every tensor is accounted for.

    Args:
        source (str): Where it came from, as the argument that names it, for messages.
        component (str): A key of :data:`.compvis_keys.PREFIXES`.
        module (nn.Module): The U-Net, autoencoder or text model; it keeps its precision.
        checkpoint (Mapping[str, Tensor]): CompVis key to tensor.

    Raises:
        ValueError: If the checkpoint does not have the component, or a tensor of it is missing,
            unexpected or has another shape.
    """
    prefix = PREFIXES[component]
    present = {key for key in checkpoint if key.startswith(prefix)}
    if not present:
        example = next(iter(checkpoint), 'nothing')
        raise ValueError(
            f"{source} has no {component} in CompVis layout: no key begins with '{prefix}' (the "
            f"file holds {len(checkpoint)} keys, e.g. '{example}'). A single file must be a whole "
            'Stable Diffusion 1.x checkpoint in CompVis layout.'
        )
    own = module.state_dict()
    names = component_names(component, own, checkpoint)
    # transformers counts positions itself.
    unexpected = {k for k in present - set(names.values()) if not k.endswith('position_ids')}
    missing = {f'{name} ({key})' for key, name in names.items() if name not in checkpoint}
    check_keys(source, component, missing, unexpected)
    state = {key: fit_pointwise(checkpoint[name], own[key].ndim) for key, name in names.items()}
    load_strictly(source, component, module, state)
