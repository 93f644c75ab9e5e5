"""A checkpoint fills the whole backbone, or is refused."""

from typing import Dict

from torch import Tensor, nn


def check_state_dict(
    backbone: nn.Module, state_dict: Dict[str, Tensor], prefix: str, *args
) -> None:
    """Refuses a state dict that leaves parts of the backbone as they are.

    A hook that runs before one is loaded. mmengine's loader only logs missing and mismatched
    tensors, which would leave an untrained U-Net or the embeddings of other classes unnoticed.

    Raises:
        ValueError: If it has some, but not all, of the backbone's tensors in their shapes.
    """
    if not any(key.startswith(prefix) for key in state_dict):
        return
    own = backbone.state_dict()
    missing = [key for key in own if prefix + key not in state_dict]
    if missing:
        raise ValueError(
            f'the checkpoint lacks {len(missing)} of {len(own)} tensors of {prefix or "the "}'
            f"backbone, e.g. '{prefix}{missing[0]}'. It was made by a model with another "
            '`pretrained`, `prompt` or text adapter than this config.'
        )
    wrong = [key for key in own if own[key].shape != state_dict[prefix + key].shape]
    if wrong:
        key = wrong[0]
        raise ValueError(
            f"{len(wrong)} tensors of the checkpoint do not fit, e.g. '{prefix}{key}' is "
            f'{tuple(state_dict[prefix + key].shape)} in it and {tuple(own[key].shape)} in the '
            'model. It was made by a model with another `pretrained` or `prompt` (class names and '
            'learned tokens included) than this config.'
        )
    backbone._weights_follow = False
