"""Change a config for what ``tools/test.py`` offers: test-time augmentation, drawings, files."""

from mmengine.config import Config, ConfigDict

from mmtadp.utils.errors import RunError


def use_tta(cfg: Config) -> None:
    """Turn test-time augmentation on.

    Args:
        cfg (Config): With ``tta_model`` and ``tta_pipeline``; where several datasets are tested,
            ``tta_pipeline`` is a list with one pipeline per dataset.

    Raises:
        RunError: If the config lacks either, or a pipeline for a dataset.
    """
    missing = [key for key in ('tta_model', 'tta_pipeline') if cfg.get(key) is None]
    if missing:
        raise RunError(
            f'--tta: the config lacks {" and ".join(missing)}. Add `tta_model = '
            "dict(type='SegTTAModel')` (or 'DetTTAModel') and, as `tta_pipeline`, the test "
            "pipeline with its last transforms inside `dict(type='TestTimeAug', "
            'transforms=[...])`; keep the meta_keys of the packing transform.'
        )
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    if 'datasets' not in dataset:
        dataset.pipeline = cfg.tta_pipeline
        return
    pipelines = [p for p in cfg.tta_pipeline if isinstance(p, (list, tuple))]
    if not len(dataset.datasets) == len(pipelines) == len(cfg.tta_pipeline):
        raise RunError(
            f'--tta: the config tests on {len(dataset.datasets)} datasets, so `tta_pipeline` must '
            f'be a list of {len(dataset.datasets)} pipelines, each with its own captions; it has '
            f'{len(pipelines)}.'
        )
    for part, pipeline in zip(dataset.datasets, pipelines):
        part.pipeline = pipeline


def draw_to(cfg: Config, folder: str) -> None:
    """Make the test draw its predictions.

    Args:
        cfg (Config): Of mmseg or mmdet.
        folder (str): mmseg draws to ``folder``/vis_data, mmdet to ``folder`` inside the run's
            folder of the work directory.

    Raises:
        RunError: If the config has no visualization hook, or is for another package.
    """
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise RunError(
            '--show-dir: the config has no visualization hook. Add to `default_hooks` '
            "`visualization=dict(type='SegVisualizationHook')` (or 'DetVisualizationHook')."
        )
    hook.draw = True
    if _scope(cfg) == 'mmseg':
        hook.interval = 1  # the openmmlab set defaults to every 50th image, onedl to every one
        cfg.visualizer.save_dir = folder
    else:
        hook.test_out_dir = folder


def save_predictions_to(cfg: Config, target: str) -> None:
    """Make the test save its predictions.

    Args:
        cfg (Config): Of mmseg or mmdet.
        target (str): For mmseg a folder, with one png per image; for mmdet a ``.pkl`` file.

    Raises:
        RunError: If the target does not suit the package.
    """
    evaluators = cfg.test_evaluator
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    if _scope(cfg) == 'mmseg':
        for evaluator in evaluators:
            # PerDomainMetric wraps another metric, which writes.
            inner = evaluator.get('metric')
            writer = inner if isinstance(inner, dict) else evaluator
            writer.update(output_dir=target, keep_results=True)
    elif not target.endswith(('.pkl', '.pickle')):
        raise RunError(f'--out of an mmdet config must be a .pkl or .pickle file, got {target}')
    else:
        evaluators.append(dict(type='mmdet.DumpDetResults', out_file_path=target))
    cfg.test_evaluator = evaluators


def _scope(cfg: Config) -> str:
    scope = cfg.get('default_scope')
    if scope not in ('mmseg', 'mmdet'):
        raise RunError(f"the config's default_scope must be 'mmseg' or 'mmdet', got {scope!r}")
    return scope
