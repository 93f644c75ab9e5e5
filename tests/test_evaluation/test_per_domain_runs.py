"""The metric in stock runs: a runner's validation, its test-time augmentation, two processes."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv import imwrite
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from torch import distributed, multiprocessing

WORLD_SIZE = 2
SAMPLES = 7
DOMAINS = ('night', 'fog', 'rain')
METRIC = dict(type='mmtadp.PerDomainMetric', metric=dict(type='IoUMetric'))


class Brightness(BaseModel):
    """Says "bright" where the first channel exceeds 100."""

    out_channels = 2

    def forward(self, inputs, data_samples=None, mode='predict'):
        for image, sample in zip(inputs, data_samples):
            logits = torch.stack([100 - image[0].float(), image[0].float() - 100])
            sample.seg_logits = PixelData(data=logits)
            sample.pred_sem_seg = PixelData(data=logits.argmax(0, keepdim=True))
        return data_samples


def of_domain(root: Path, domain: str, count: int, tta: bool) -> dict:
    """Return the first images, as a domain."""
    pack = [dict(type='PackSegInputs', meta_keys=('img_path', 'domain', 'flip'))]
    annotations = [dict(type='LoadAnnotations')]
    flips = [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)]
    last = [dict(type='TestTimeAug', transforms=[flips, annotations, pack])]
    return dict(
        type='BaseSegDataset',
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        metainfo=dict(classes=('dark', 'bright')),
        indices=count,
        pipeline=[
            dict(type='mmtadp.SetDomain', domain=domain),
            dict(type='LoadImageFromFile'),
            *(last if tta else [*annotations, *pack]),
        ],
    )


def run(root: Path, domains: dict[str, int], metric: dict, tta: bool) -> dict:
    """Scores of a stock runner's test."""
    datasets = [of_domain(root, name, count, tta) for name, count in domains.items()]
    model = Brightness()
    if tta:
        model = SegTTAModel(module=model)
    runner = Runner(
        model=model,
        work_dir=str(root / 'work_dir'),
        test_dataloader=dict(
            dataset=dict(type='ConcatDataset', datasets=datasets),
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
            collate_fn=dict(type='pseudo_collate'),
        ),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=metric,
        default_scope='mmseg',
        experiment_name='-'.join(domains) + str(tta),
    )
    return runner.test()


@pytest.mark.parametrize('tta', [False, True])
def test_stock_runner(tmp_path, tta):
    rng = np.random.RandomState(0)
    for index in range(4):
        image = rng.randint(0, 255, (8, 8, 3)).astype(np.uint8)
        imwrite(image, str(tmp_path / f'images/{index}.png'))
        noise = rng.randint(0, 120, (8, 8))
        mask = (image[..., 0] > noise + 20 * index).astype(np.uint8)
        imwrite(mask, str(tmp_path / f'masks/{index}.png'))
    both = run(tmp_path, dict(night=4, fog=1), METRIC, tta)
    assert len(both) == 9
    for domain, count in (('night', 4), ('fog', 1)):
        alone = run(tmp_path, {domain: count}, dict(type='IoUMetric'), tta)
        assert {name: both[f'{domain}/{name}'] for name in alone} == alone
    assert both['mean/mIoU'] == (both['night/mIoU'] + both['fog/mIoU']) / 2
    assert both['night/mIoU'] != both['fog/mIoU']


def random_samples() -> list[dict]:
    rng = torch.Generator().manual_seed(0)
    return [
        dict(
            domain=DOMAINS[index % 5 % 3],
            pred_sem_seg=dict(data=torch.randint(0, 3, (1, 4, 4), generator=rng)),
            gt_sem_seg=dict(data=torch.randint(0, 3, (1, 4, 4), generator=rng)),
        )
        for index in range(SAMPLES)
    ]


def evaluate(samples: list[dict]) -> dict:
    init_default_scope('mmseg')
    evaluator = Evaluator(dict(METRIC))
    evaluator.dataset_meta = dict(classes=('a', 'b', 'c'))
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(SAMPLES)


def _evaluate_part(rank: int, port: int, folder) -> None:
    os.chdir(folder)  # where mmengine collects
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', rank=rank, world_size=WORLD_SIZE)
    samples = random_samples()
    samples.append(samples[0])  # as mmengine's sampler fills up the last process's part
    torch.save(evaluate(samples[rank::WORLD_SIZE]), folder / f'rank_{rank}.pth')
    distributed.destroy_process_group()


def test_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    # Forked, as nothing here has used a device: they need not import everything again.
    multiprocessing.start_processes(
        _evaluate_part, (port, tmp_path), nprocs=WORLD_SIZE, start_method='fork'
    )
    expected = evaluate(random_samples())
    assert len(expected) == 3 * (len(DOMAINS) + 1)
    assert len({expected[f'{domain}/mIoU'] for domain in DOMAINS}) == 3
    for rank in range(WORLD_SIZE):
        found = torch.load(tmp_path / f'rank_{rank}.pth', weights_only=False)
        assert found == expected
