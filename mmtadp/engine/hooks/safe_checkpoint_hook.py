"""Save checkpoints so that a kill or a full disk never costs the last one."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmtadp.registry import HOOKS, register_module
from mmtadp.utils.atomic_files import sync_folder, write_text
from mmtadp.utils.errors import RunError
from mmtadp.utils.work_dir import LAST_CHECKPOINT, hold_work_dir, release_work_dir


@register_module(HOOKS)
class SafeCheckpointHook(CheckpointHook):
    """Save checkpoints as mmengine's ``CheckpointHook`` does, in an order that loses none.

    mmengine deletes the old checkpoint, writes the new one under its final name, and then the
    file ``last_checkpoint``. With ``max_keep_ckpts=1``, a kill or a full disk in between leaves
    no checkpoint. Here a checkpoint is written whole under another name, renamed, pointed to, and
    only then the old one is deleted; the best one likewise. Files that a kill left half written
    are deleted when the next run begins.

    The work directory is locked while the run trains, so that a second run cannot delete or
    replace the checkpoints of the first. Tests may run in it.

    Args:
        args: Arguments of ``CheckpointHook``. With ``out_dir`` on a remote file system,
            checkpoints are written as ``CheckpointHook`` writes them.
    """

    def before_train(self, runner: Runner) -> None:
        """Lock the work directory and delete the half files of killed runs.

        Raises:
            FolderInUseError: If another process trains into the work directory.
        """
        if is_main_process():
            hold_work_dir(runner.work_dir)
        super().before_train(runner)
        if self._is_local():
            self._find_best_here(runner)
            if is_main_process():
                for path in Path(self.out_dir).glob(_temporary('*')):
                    path.unlink(missing_ok=True)

    def after_run(self, runner: Runner) -> None:
        """Let other runs use the work directory."""
        release_work_dir(runner.work_dir)

    def _is_local(self) -> bool:
        return isinstance(self.file_backend, LocalBackend)

    def _find_best_here(self, runner: Runner) -> None:
        """Look for the best checkpoint in this run's folder, which may have been moved or copied.

        Otherwise a run in a copy would delete the best checkpoint of the original.
        """
        for key, value in list(runner.message_hub.runtime_info.items()):
            if key.startswith('best_ckpt') and isinstance(value, str):
                here = os.path.join(self.out_dir, os.path.basename(value))
                runner.message_hub.update_info(key, here)
                if key == 'best_ckpt':
                    self.best_ckpt_path = here
                elif hasattr(self, 'best_ckpt_path_dict'):
                    self.best_ckpt_path_dict[key.removeprefix('best_ckpt_')] = here

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Write the checkpoint, then ``last_checkpoint``, then delete the outdated ones."""
        if not self._is_local():
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        if self.save_optimizer:
            # Called in every process, while `before_save_checkpoint` is called in the first only.
            runner.call_hook('before_checkpoint')
        outdated = []
        if self.max_keep_ckpts > 0:
            ids = [*(i for i in self.keep_ckpt_ids if i != step), step]
            outdated = ids[: -self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(ids[-self.max_keep_ckpts :], self.max_keep_ckpts)
            # With the outdated ones: a run that resumes from here deletes those that are left.
            runner.message_hub.update_info('keep_ckpt_ids', ids)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = os.path.join(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        whole_files = runner if isinstance(runner, _WholeFiles) else _WholeFiles(runner)
        whole_files.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_text(Path(runner.work_dir) / LAST_CHECKPOINT, self.last_ckpt)
            for old in outdated:
                Path(self.out_dir, self.filename_tmpl.format(old)).unlink(missing_ok=True)
        if self.max_keep_ckpts > 0:
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Write the best checkpoint, then delete the previous best one.

        Raises:
            RunError: If ``save_best`` names a metric that the validation does not have.
        """
        if not self.save_best or not hasattr(self, 'file_backend'):
            return  # Nothing to save, or a validation without a training.
        missing = [key for key in self.key_indicators if key not in {*metrics, 'auto'}]
        if missing:
            raise RunError(
                f'default_hooks.checkpoint.save_best={missing[0]!r} is not a metric of the '
                f'validation, which has: {", ".join(metrics)}.'
            )
        if not self._is_local():
            super()._save_best_checkpoint(runner, metrics)
            return
        backend, late = self.file_backend, _LateRemovals()
        self.file_backend = late
        try:
            super()._save_best_checkpoint(_WholeFiles(runner, late.remove_now), metrics)
        finally:
            self.file_backend = backend


class _LateRemovals(LocalBackend):
    """Remove files only when another one has been saved."""

    def __init__(self) -> None:
        self._outdated = []

    def remove(self, filepath: str | Path) -> None:
        self._outdated.append(Path(filepath))

    def remove_now(self, saved: Path) -> None:
        while self._outdated:
            path = self._outdated.pop()
            if path != saved:
                path.unlink(missing_ok=True)


class _WholeFiles:
    """Stand in for a runner whose checkpoints appear whole or not at all.

    Args:
        runner (Runner): The runner.
        saved (Callable): Called with the path of each checkpoint, when it is there.
    """

    def __init__(self, runner: Runner, saved: Callable[[Path], None] = lambda path: None) -> None:
        self._runner, self._saved = runner, saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args, **kwargs) -> None:
        """Save with the runner's own method under another name, and rename the file.

        Raises:
            OSError: With the name of the checkpoint, if it cannot be written.
        """
        path, new = Path(out_dir, filename), Path(out_dir, _temporary(filename))
        try:
            self._runner.save_checkpoint(out_dir, new.name, *args, **kwargs)
            if is_main_process():
                with open(new, 'rb+') as file:
                    os.fsync(file.fileno())
                os.replace(new, path)
                sync_folder(path.parent)
                self._saved(path)
        except OSError as error:
            # A full disk gives an error without a name.
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        finally:
            if is_main_process():
                new.unlink(missing_ok=True)


def _temporary(filename: str) -> str:
    # Not with the suffix of a checkpoint, which a search for checkpoints would find.
    return f'.{filename}.partial'
