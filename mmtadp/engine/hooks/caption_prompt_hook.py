"""Pass each image's caption to the backbone, and check checkpoints."""

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop

from mmtadp.models.checkpoint_meta import META_KEY, describe_model
from mmtadp.models.checkpoint_weights import fit_checkpoint
from mmtadp.models.checks import find_backbones
from mmtadp.registry import HOOKS, register_module
from mmtadp.utils.arguments import check_bool
from mmtadp.utils.plain_checkpoint import make_plain, restore_histories

from .learned_token_check import check_learned_tokens
from .mixed_caption_check import check_mixed_captions
from .prompt_handover import install_prompt_hooks
from .resume_check import check_resumable

# The loops of the current run are built when it begins; the others are configs or None.
_LOOPS = dict(training='_train_loop', validation='_val_loop', testing='_test_loop')


@register_module(HOOKS)
class CaptionPromptHook(Hook):
    """Pass each image's caption to the backbone, and check a checkpoint before it is loaded.

    A checkpoint that the run saves says what its features depend on besides weights: the prompt,
    learned tokens, scaling of latents, timestep, normalisation of images. It holds tensors and
    plain values only, so it can be read safely anywhere.

    Args:
        check_checkpoint (bool): Refuse a checkpoint that was made with another prompt or other
            settings, even if its tensors fit. False allows it, for fine-tuning with another
            prompt or studying its effect on a model: where prompts differ, the model keeps its
            own text encoder or embeddings, and logs it. Defaults to True.
    """

    # Before EMAHook, which loads the checkpoint's weights on its own.
    priority = 'ABOVE_NORMAL'

    def __init__(self, check_checkpoint: bool = True) -> None:
        self.check_checkpoint = check_bool('check_checkpoint', check_checkpoint)

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
        """Describe the model in the checkpoint's meta, and make the checkpoint plain."""
        checkpoint['meta'][META_KEY] = describe_model(runner.model)
        make_plain(checkpoint)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Check a checkpoint and fit it to the model.

        For testing and resuming it must hold the whole model; for fine-tuning, which is training
        with ``load_from``, the backbone alone.

        Raises:
            RunError: See :func:`.fit_checkpoint` and :func:`.check_resumable`.
        """
        path = runner._load_from
        source = f'the checkpoint {path}' if path else 'the checkpoint'
        fine_tuning = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        fit_checkpoint(
            runner.model, checkpoint, source, whole=not fine_tuning, check=self.check_checkpoint
        )
        if runner._resume:
            check_resumable(checkpoint, runner.optim_wrapper, source)
            restore_histories(checkpoint)

    def after_run(self, runner) -> None:
        """Log how many captions were truncated."""
        for backbone in find_backbones(runner.model).values():
            backbone.finite_check.settle()
            for module in backbone.modules():
                count = getattr(module, 'num_truncated', 0)
                if count:
                    print_log(f'{count} distinct captions were truncated', logger='current')
