"""Compare a state dict with the backbone that it is loaded into."""

from collections.abc import Mapping

from torch import Tensor

from mmtadp.utils.errors import RunError
from mmtadp.utils.pretrained import CHANGE_ON_PURPOSE


def check_state_dict(
    own: Mapping[str, Tensor], state_dict: Mapping[str, Tensor], prefix: str
) -> None:
    """Refuse a state dict that leaves parts of a backbone unchanged.

    mmengine's loader only logs missing and mismatched tensors, which would leave an untrained
    U-Net or the embeddings of other classes unnoticed.
    :func:`mmtadp.models.checkpoint_weights.fit_checkpoint` fills in what a change of the prompt
    leaves open.

    Args:
        own (Mapping[str, Tensor]): The backbone's tensors.
        state_dict (Mapping[str, Tensor]): The tensors to load; their keys begin with ``prefix``.
        prefix (str): Name of the backbone in the model, with a full stop at its end.

    Raises:
        RunError: If a tensor is missing or has another shape.
    """
    missing = [key for key in own if prefix + key not in state_dict]
    if missing:
        raise RunError(
            f'the checkpoint lacks {len(missing)} of {len(own)} tensors of {prefix or "the "}'
            f"backbone, e.g. '{prefix}{missing[0]}'. It was made by a model with another "
            f'`pretrained`, `prompt` or text adapter than this config. {CHANGE_ON_PURPOSE}'
        )
    wrong = [key for key in own if own[key].shape != state_dict[prefix + key].shape]
    if wrong:
        key = wrong[0]
        raise RunError(
            f"{len(wrong)} tensors of the checkpoint do not fit, e.g. '{prefix}{key}' is "
            f'{tuple(state_dict[prefix + key].shape)} in the checkpoint and '
            f'{tuple(own[key].shape)} in the model. The checkpoint was made by a model with '
            'another `pretrained` or `prompt` (such as other class names) than this config. '
            f'{CHANGE_ON_PURPOSE}'
        )
