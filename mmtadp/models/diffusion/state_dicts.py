"""Compare and load state dicts: every tensor is accounted for."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from torch import Tensor, nn

from mmtadp.utils.errors import RunError
from mmtadp.utils.tensor_files import check_finite

OTHER_ARCHITECTURE = 'Set `architecture` to the folder of the configs of this model.'


def load_strictly(
    source: str,
    component: str,
    module: nn.Module,
    state: Mapping[str, Tensor],
    advice: str = OTHER_ARCHITECTURE,
    assign: bool = False,
) -> None:
    """Load a state dict that must have the tensors of the module, in their shapes.

    Args:
        source (str): Where it came from, as the argument that names it, for messages.
        component (str): Which part of a diffusion model the module is, for messages.
        module (nn.Module): The module. It keeps its precision unless ``assign`` is True.
        state (Mapping[str, Tensor]): Its weights.
        advice (str): The way out if shapes differ, for messages.
        assign (bool): Take the given tensors themselves instead of copying their values.

    Raises:
        RunError: If a tensor is missing, unexpected, has another shape or type, or is not finite.
    """
    own = module.state_dict()
    check_keys(source, component, own.keys() - state.keys(), state.keys() - own.keys())
    check_shapes(source, component, own, state, advice)
    check_finite(f'{source}: {component}', state)
    module.load_state_dict(state, assign=assign)


def check_keys(
    source: str,
    component: str,
    missing: AbstractSet[str],
    unexpected: AbstractSet[str] = frozenset(),
    advice: str = '',
) -> None:
    """Refuse missing and unexpected keys; for the arguments see :func:`load_strictly`.

    Raises:
        RunError: If there are any.
    """
    if missing or unexpected:
        raise RunError(
            f'{source}: the weights of the {component} do not fit its config: {len(missing)} '
            f'missing (e.g. {sorted(missing)[:2]}), {len(unexpected)} unexpected '
            f'(e.g. {sorted(unexpected)[:2]}). {advice}'.rstrip()
        )


def check_shapes(
    source: str,
    component: str,
    own: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    advice: str,
) -> None:
    """Refuse tensors of another shape than the model's, and integers in place of floats.

    Args:
        source (str): See :func:`load_strictly`.
        component (str): See :func:`load_strictly`.
        own (Mapping[str, Tensor]): The model's tensors; those that ``state`` lacks are ignored.
        state (Mapping[str, Tensor]): The file's tensors; their keys are keys of ``own``.
        advice (str): See :func:`load_strictly`.

    Raises:
        RunError: If a shape differs, or weights are quantised.
    """
    wrong = [key for key in state if state[key].shape != own[key].shape]
    if wrong:
        key = wrong[0]
        raise RunError(
            f'{source}: {len(wrong)} tensors of the {component} do not fit the architecture, e.g. '
            f"'{key}' is {tuple(state[key].shape)} in the file and {tuple(own[key].shape)} in the "
            f'architecture. {advice}'
        )
    floats = (key for key in state if own[key].is_floating_point())
    quantised = [key for key in floats if not state[key].is_floating_point()]
    if quantised:
        raise RunError(
            f'{source}: {len(quantised)} tensors of the {component} are quantised, e.g. '
            f"'{quantised[0]}' is {state[quantised[0]].dtype}. Use weights in 16 or 32 bits."
        )
