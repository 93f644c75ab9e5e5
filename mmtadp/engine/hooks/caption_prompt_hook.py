"""Pass each image's caption to the backbone."""

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmtadp.models.checks import META_KEY, check_prompt, describe_prompts, find_backbones
from mmtadp.registry import HOOKS, register_module

from .learned_token_check import check_learned_tokens
from .mixed_caption_check import check_mixed_captions
from .prompt_handover import install_prompt_hooks

# The loops of the current run are built when it begins; the others are configs or None.
_LOOPS = dict(training='_train_loop', validation='_val_loop', testing='_test_loop')


@register_module(HOOKS)
class CaptionPromptHook(Hook):
    """Pass each image's caption to the backbone, and check a checkpoint's prompt type.

    Args:
        check_checkpoint (bool): Refuse a checkpoint that was trained with another prompt type,
            even if its tensors fit. False allows it, for fine-tuning with another prompt or
            studying its effect on a model. Defaults to True.
    """

    def __init__(self, check_checkpoint: bool = True) -> None:
        self.check_checkpoint = check_checkpoint

    def after_build(self, runner) -> None:
        """Install the forward hooks, before the run reads data or a checkpoint.

        :func:`mmtadp.utils.launch.build_runner` calls it. Where nothing does, as with ``mim
        train``, :meth:`before_run` is the first call.

        Raises:
            ValueError: See :func:`install_prompt_hooks`.
        """
        install_prompt_hooks(runner.model)

    def before_run(self, runner) -> None:
        """Install the forward hooks, and check the captions that pipelines write.

        Raises:
            ValueError: See :func:`install_prompt_hooks`, :func:`check_learned_tokens` and
                :func:`check_mixed_captions`.
        """
        install_prompt_hooks(runner.model)
        for stage, name in _LOOPS.items():
            dataloader = getattr(getattr(runner, name, None), 'dataloader', None)
            if dataloader is not None:
                check_learned_tokens(runner.model, dataloader.dataset, stage)
                check_mixed_captions(runner.model, dataloader.dataset, stage)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Write the prompt type into the checkpoint's meta."""
        checkpoint['meta'][META_KEY] = describe_prompts(runner.model)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare the prompt type with the checkpoint's.

        Raises:
            ValueError: If they differ.
        """
        if self.check_checkpoint:
            check_prompt(runner.model, checkpoint.get('meta', {}).get(META_KEY))

    def after_run(self, runner) -> None:
        """Log how many captions were truncated."""
        for backbone in find_backbones(runner.model).values():
            for module in backbone.modules():
                count = getattr(module, 'num_truncated', 0)
                if count:
                    print_log(f'{count} distinct captions were truncated', logger='current')
