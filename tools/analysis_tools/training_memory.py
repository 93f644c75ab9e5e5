"""Measure the memory of one training iteration of a config, with random weights and data.

    python tools/analysis_tools/training_memory.py configs/tadp/tadp40_ade20k_80k_1gpu.py
    python tools/analysis_tools/training_memory.py CONFIG --device cuda --batch-size 2

On a GPU an iteration runs and its peak is measured, optimizer included. On a CPU the forward and
backward passes run in the precision of the config's optimizer wrapper, and the resident memory
that they add to the weights is measured; AdamW's two moments, eight bytes for each trained
parameter, are added. Neither includes the CUDA context (about half a gibibyte), and a GPU's
kernels may need other scratch space than a CPU's.
"""

import argparse
import ctypes
import gc
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, positive  # noqa: E402
from _models import build_model  # noqa: E402

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from torch import nn

GIB = 2**30


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Measure the memory of one training iteration of a config.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--batch-size', type=positive, help="number of images (default: the config's)"
    )
    parser.add_argument('--size', nargs=2, type=positive, default=(512, 512), metavar=('H', 'W'))
    parser.add_argument('--device', type=device, default='cpu', help='cpu or cuda')
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='settings that override the config'
    )
    return parser


def random_batch(scope: str, batch_size: int, height: int, width: int) -> dict[str, Any]:
    """Return images in [0, 255] with every kind of ground truth that a head may read.

    Args:
        scope (str): Default scope of the config, 'mmseg' or 'mmdet'.
        batch_size (int): Number of images N.
        height (int): H.
        width (int): W.

    Returns:
        dict: ``inputs``, a list of N uint8 tensors (3, H, W), and ``data_samples``.
    """
    import torch

    samples = [_random_sample(scope, index, height, width) for index in range(batch_size)]
    images = list(torch.randint(0, 256, (batch_size, 3, height, width), dtype=torch.uint8))
    return dict(inputs=images, data_samples=samples)


def _random_sample(scope: str, index: int, height: int, width: int) -> Any:
    import torch
    from mmengine.structures import InstanceData, PixelData

    metainfo = dict(
        caption=f'a photo of room {index}',
        category_id=0,
        img_shape=(height, width),
        ori_shape=(height, width),
        pad_shape=(height, width),
        scale_factor=(1.0, 1.0),
    )
    if scope == 'mmdet':
        from mmdet.structures import DetDataSample

        sample = DetDataSample(metainfo=metainfo)
        corners = torch.rand(8, 2) * torch.tensor([width / 2, height / 2])
        boxes = torch.cat([corners, corners * 1.5 + 32], dim=1)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.zeros(8, dtype=torch.long))
        return sample
    from mmseg.structures import SegDataSample

    sample = SegDataSample(metainfo=metainfo)
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 2, (1, height, width)))
    sample.gt_depth_map = PixelData(data=torch.rand(1, height, width) * 9 + 0.5)
    return sample


def resident() -> int:
    """Return the bytes of this process in memory."""
    return _status('VmRSS')


def give_back() -> None:
    """Return free memory to the system; otherwise what is measured next may reuse it unseen."""
    gc.collect()
    with suppress(AttributeError):  # Only glibc has the function.
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak() -> None:
    """Make :func:`peak` count from now on."""
    Path('/proc/self/clear_refs').write_text('5')


def peak() -> int:
    """Return the most bytes in memory since :func:`reset_peak`."""
    return _status('VmHWM')


def _status(name: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{name}:'))


def losses_of(
    model: 'nn.Module', batch: dict[str, Any], precision: 'torch.dtype', device: str
) -> 'torch.Tensor':
    """Return the sum of a model's losses on a batch, in a precision."""
    import torch

    mixed = precision != torch.float32
    with torch.autocast(device, dtype=precision) if mixed else nullcontext():
        data = model.data_preprocessor(batch, training=True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
    return loss


def on_cpu(
    model: 'nn.Module', batch: dict[str, Any], precision: 'torch.dtype', accumulated: bool
) -> list[tuple[str, int]]:
    """Return the rows of the table: name and bytes."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    weights = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    give_back()
    before = resident()
    reset_peak()
    # Accumulation keeps the gradients of one iteration through the forward of the next.
    for _ in range(2 if accumulated else 1):
        losses_of(model, batch, precision, 'cpu').backward()
    added = peak() - before
    return [
        ('weights', weights),
        ('forward and backward, gradients included', added),
        ('moments of AdamW (computed)', 8 * trained),
    ]


def on_cuda(
    model: 'nn.Module', batch: dict[str, Any], precision: 'torch.dtype', config: 'Config'
) -> list[tuple[str, int]]:
    """Return the rows of the table: name and bytes."""
    import torch
    from mmengine.optim import build_optim_wrapper

    config.optim_wrapper.type = 'OptimWrapper'
    for key in ('dtype', 'loss_scale'):
        config.optim_wrapper.pop(key, None)
    # Two accumulated iterations take as much as any number of them.
    count = min(config.optim_wrapper.get('accumulative_counts', 1), 2)
    config.optim_wrapper.accumulative_counts = count
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    # The moments exist after the first step.
    for _ in range(2 * count):
        optim_wrapper.update_params(losses_of(model, batch, precision, 'cuda'))
    return [('an iteration, optimizer included', torch.cuda.max_memory_allocated())]


def measure(args: argparse.Namespace) -> None:
    """Measure what the command line asks for, and print it.

    Raises:
        RunError: If the config cannot be read, its model not be built, or a CPU not be measured.
    """
    import torch
    from mmengine.model.utils import revert_sync_batchnorm

    from mmtadp.engine.hooks import install_prompt_hooks
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.errors import RunError

    parts = ['model.backbone', 'optim_wrapper.type', 'train_dataloader.batch_size']
    config = read_config(args.config, args.cfg_options, required=parts)
    if args.device == 'cpu' and not Path('/proc/self/clear_refs').exists():
        raise RunError('measuring on a CPU reads /proc, which only Linux has: use --device cuda.')
    torch.manual_seed(0)
    model = build_model(config, args.config, 'cpu')
    model = revert_sync_batchnorm(model).to(args.device).train()
    install_prompt_hooks(model)
    batch_size = args.batch_size or config.train_dataloader.batch_size
    batch = random_batch(config.get('default_scope', 'mmseg'), batch_size, *args.size)
    mixed = config.optim_wrapper.type == 'AmpOptimWrapper'
    # AmpOptimWrapper's own default is float16.
    name = config.optim_wrapper.get('dtype', 'float16') if mixed else 'float32'
    precision = getattr(torch, name, None)
    if not isinstance(precision, torch.dtype):
        raise RunError(f'optim_wrapper.dtype is {name!r}; expected float16 or bfloat16.')
    if args.device == 'cpu':
        accumulated = config.optim_wrapper.get('accumulative_counts', 1) > 1
        rows = on_cpu(model, batch, precision, accumulated)
    else:
        rows = on_cuda(model, batch, precision, config)
    checkpointing = model.backbone.unet.is_gradient_checkpointing
    print(
        f'{args.config}: {batch_size} x {args.size[0]} x {args.size[1]}, {name}, gradient '
        f'checkpointing {"on" if checkpointing else "off"}, {args.device}, '
        f'torch {torch.__version__}'
    )
    for what, size in [*rows, ('together', sum(size for _, size in rows))]:
        print(f'  {what:44s}{size / GIB:7.2f} GiB')


def main() -> int:
    """Measure the config of the command line, and return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: measure(args))


if __name__ == '__main__':
    sys.exit(main())
