"""Check that a run can be continued from a checkpoint."""

from typing import Any

from mmengine.optim import OptimWrapper

from mmtadp.utils.errors import RunError


def check_resumable(checkpoint: dict, optim_wrapper: Any, source: str) -> None:
    """Refuse to continue a run from a checkpoint that does not hold its whole state.

    mmengine would go on with a new optimizer if the checkpoint has none.

    Args:
        checkpoint (dict): Content of the file, with ``meta``.
        optim_wrapper (OptimWrapper): The optimizer of this run. That of several ones, a dict, is
            not compared.
        source (str): Where the checkpoint came from, for messages.

    Raises:
        RunError: If it lacks the position of the run, its log or the state of the optimizer, or if
            the optimizer had other parameters.
    """
    missing = [key for key in ('epoch', 'iter') if key not in checkpoint['meta']]
    missing += [key for key in ('message_hub', 'optimizer') if key not in checkpoint]
    if missing:
        raise RunError(
            f'{source} cannot be resumed: it has no {", ".join(missing)}, so it holds weights '
            'without the whole state of a run, as the files best_*.pth do. Resume from the last '
            'checkpoint, or start a new run from the weights: set load_from= and do not resume.'
        )
    if not isinstance(optim_wrapper, OptimWrapper):
        return
    was, now = (
        [len(group['params']) for group in groups]
        for groups in (
            checkpoint['optimizer'].get('param_groups', ()),
            optim_wrapper.optimizer.param_groups,
        )
    )
    if was != now:
        raise RunError(
            f'{source} cannot be resumed: its optimizer trains {sum(was)} parameters in '
            f'{len(was)} groups, that of this config {sum(now)} in {len(now)}. Use the config of '
            'the run, or start a new run from the weights: set load_from= and do not resume.'
        )
