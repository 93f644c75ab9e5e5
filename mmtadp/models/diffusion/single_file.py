"""Read Stable Diffusion checkpoints in one CompVis-layout file."""

from pathlib import Path

from torch import Tensor, nn

from mmtadp.utils.tensor_files import read_tensors

from .compvis_keys import PREFIXES, compvis_names, fit_pointwise


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
    advice = 'Use the `.safetensors` release of the model, or a diffusers folder'
    checkpoint = read_tensors(path, argument, advice)
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f"{argument}='{path}' holds a {type(checkpoint).__name__}, not weights by name."
        )
    return checkpoint.get('state_dict', checkpoint)


def component_state(
    checkpoint: dict[str, Tensor], source: str, component: str, module: nn.Module
) -> dict[str, Tensor]:
    """Return one component of a CompVis checkpoint under the keys of diffusers.

    Args:
        checkpoint (dict[str, Tensor]): CompVis key to tensor.
        source (str): The argument and its value, for messages.
        component (str): 'unet', 'vae' or 'text_encoder'.
        module (nn.Module): The component, which knows the keys.

    Returns:
        dict[str, Tensor]: diffusers' key to tensor.

    Raises:
        ValueError: If the file lacks the component or one of its tensors, or if tensors of the
            U-Net have no place in the module, because it has another architecture.
    """
    prefix = PREFIXES[component]
    count = sum(key.startswith(prefix) for key in checkpoint)
    if not count:
        example = next(iter(checkpoint), 'nothing')
        raise ValueError(
            f"{source} has no {component}: no key begins with '{prefix}' (the file holds "
            f"{len(checkpoint)} keys, e.g. '{example}'). A single file must be a whole Stable "
            'Diffusion 1.x checkpoint in CompVis layout.'
        )
    own = module.state_dict()
    names = compvis_names(component, own)
    missing = [key for key, name in names.items() if name not in checkpoint]
    # The other components may hold more: a loss, positions that transformers counts itself.
    placed = len(names) - len(missing)
    if component == 'unet' and count > placed:
        raise ValueError(
            f"{source}: of the U-Net's {count} tensors {placed} have a place in the "
            'architecture. Set `architecture`, or `pretrained`, to a model of the same one.'
        )
    if missing:
        raise ValueError(
            f'{source}: its {component} lacks {len(missing)} tensors that the architecture has, '
            f"e.g. '{names[missing[0]]}' ('{missing[0]}' in diffusers)."
        )
    return {key: fit_pointwise(checkpoint[name], own[key].ndim) for key, name in names.items()}
