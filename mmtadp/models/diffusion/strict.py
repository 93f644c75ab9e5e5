"""Weights into modules, every tensor accounted for."""

from typing import AbstractSet, Dict

from torch import Tensor, nn


def load_strictly(
    source: str, component: str, module: nn.Module, state: Dict[str, Tensor]
) -> None:
    """Loads a state dict whose tensors must be those of the module, in their shapes.

    Args:
        source (str): Where it came from, as the argument that names it, for messages.
        component (str): Which part of a diffusion model the module is.
        module (nn.Module): The module; its own precision stays.
        state (Dict[str, Tensor]): Its weights.

    Raises:
        ValueError: If a tensor is missing, unexpected or of another shape.
    """
    own = module.state_dict()
    check_keys(source, component, own.keys() - state.keys(), state.keys() - own.keys())
    wrong = [key for key in own if own[key].shape != state[key].shape]
    if wrong:
        key = wrong[0]
        raise ValueError(
            f'{source}: {len(wrong)} tensors of the {component} do not fit the architecture, e.g. '
            f"'{key}' is {tuple(state[key].shape)} in the file and {tuple(own[key].shape)} in the "
            'architecture. Set `architecture` to the folder of the configs that they go with.'
        )
    module.load_state_dict(state)


def check_keys(
    source: str, component: str, missing: AbstractSet[str], unexpected: AbstractSet[str]
) -> None:
    """Refuses missing and unexpected keys; arguments as in :func:`load_strictly`.

    Raises:
        ValueError: If there are any.
    """
    if missing or unexpected:
        raise ValueError(
            f'{source}: the weights of the {component} do not fit its config: {len(missing)} '
            f'missing (e.g. {sorted(missing)[:2]}), {len(unexpected)} unexpected '
            f'(e.g. {sorted(unexpected)[:2]}).'
        )
