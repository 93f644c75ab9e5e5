"""The configs of examples/my_project, in a folder outside of the clone."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmtadp.models import no_pretrained_weights
from tests.utils.family_runs import run, tiny_version
from tests.utils.paths import REPOSITORY

EXAMPLES = REPOSITORY / 'examples'
CONFIGS = ('parts_detection.py', 'street_segmentation.py')
HEIGHT, WIDTH = 48, 64
PARTS = ('bolt', 'nut', 'washer')
# Of Stable Diffusion 1.5, with the maps of a caption's 77 tokens at strides 16 and 32.
CHANNELS = [320, 640 + 77, 1280 + 77, 1280]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A copy of the project, which is the working directory."""
    shutil.copytree(EXAMPLES / 'my_project', tmp_path / 'my_project')
    monkeypatch.chdir(tmp_path / 'my_project')
    return tmp_path / 'my_project'


def build(name: str) -> tuple[Config, torch.nn.Module]:
    """A config and its model at full size, without memory or weights."""
    config = Config.fromfile(Path('configs') / name)
    with (
        DefaultScope.overwrite_default_scope(config.default_scope),
        torch.device('meta'),
        no_pretrained_weights(),
    ):
        return config, MODELS.build(config.model)


def write_streets(root: Path) -> None:
    """Two photographs per split, whose masks have all values from 0 to 11."""
    rng = np.random.RandomState(0)
    captions = {}
    for split in ('training', 'validation'):
        for index in range(2):
            mask = np.kron(np.arange(12).reshape(3, 4), np.ones((16, 16))).astype(np.uint8)
            image = 20 * mask[..., None] + rng.randint(0, 30, (HEIGHT, WIDTH, 3))
            write_pair(root, split, f'{split}_{index}', image.astype(np.uint8), mask)
            captions[f'{split}_{index}'] = 'a car on a road'
    (root / 'captions.json').write_text(json.dumps(captions))


def write_pair(root: Path, split: str, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    for kind, suffix, pixels in (('images', 'jpg', image), ('annotations', 'png', mask)):
        path = root / kind / split / f'{name}.{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels)


def write_parts(root: Path) -> None:
    """Three photographs per split, with a part of each kind."""
    rng = np.random.RandomState(0)
    captions = {}
    for split in ('train', 'val'):
        (root / split).mkdir(parents=True)
        images, annotations = [], []
        for image_id in range(1, 4):
            name = f'{split}_{image_id}.jpg'
            pixels = rng.randint(0, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            for category in range(1, 4):
                x, y = 20 * category - 18, 4 * image_id
                pixels[y : y + 24, x : x + 16] = 80 * category
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=image_id,
                        category_id=category,
                        bbox=[x, y, 16, 24],
                        area=384,
                        iscrowd=0,
                    )
                )
            assert cv2.imwrite(str(root / split / name), pixels)
            images.append(dict(id=image_id, file_name=name, height=HEIGHT, width=WIDTH))
            captions[name] = 'a bolt, a nut and a washer'
        categories = [dict(id=i, name=name) for i, name in enumerate(PARTS, start=1)]
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / f'{split}.json').write_text(json.dumps(content))
    (root / 'captions.json').write_text(json.dumps(captions))


def losses(runner) -> list[float]:
    history = runner.message_hub.get_scalar('train/loss')
    return history.data[0].tolist()


def test_what_the_page_names_exists():
    page = (EXAMPLES / 'README.md').read_text()
    assert set(re.findall(r'configs/(\w+\.py)', page)) == set(CONFIGS)
    for link in re.findall(r'\]\(([^)]+)\)', page):
        assert (EXAMPLES / link).exists(), link
    configs = sorted((EXAMPLES / 'my_project' / 'configs').iterdir())
    assert [path.name for path in configs if path.suffix == '.py'] == list(CONFIGS)
    for path in configs:
        lines = [line for line in path.read_text().splitlines() if line and line[0] != '#']
        assert len(lines) < 26, path


def test_segmentation_model(project):
    config, model = build('street_segmentation.py')
    assert model.neck.in_channels == list(model.backbone.out_channels) == CHANNELS
    assert model.decode_head.num_classes == model.decode_head.conv_seg.out_channels == 11
    prompt = model.backbone.prompt
    assert type(prompt).__name__ == 'CaptionPrompt'
    assert prompt.text_adapter is not None
    assert config.optim_wrapper.optimizer.lr == 1.6e-4  # the base's schedule
    for pipeline in (config.train_pipeline, config.test_pipeline, config.tta_pipeline):
        files = re.findall(r"'[^']*\.json'", str(pipeline))
        assert files == ["'data/streets/captions.json'"]


def test_detection_model(project):
    config, model = build('parts_detection.py')
    assert model.neck.in_channels == list(model.backbone.out_channels) == CHANNELS
    assert model.roi_head.bbox_head.num_classes == 3
    assert model.roi_head.bbox_head.fc_cls.out_features == 4
    assert not re.search('VOC|watercolor', str(config.train_dataloader))
    assert not re.search('VOC|watercolor', str(config.test_dataloader))


def test_segmentation_trains(project, tiny_pipeline):
    write_streets(project / 'data' / 'streets')
    config = Config.fromfile('configs/street_segmentation.py')
    runner = run(tiny_version(config, tiny_pipeline, project / 'work', num_iters=3))
    runner.train()
    values = losses(runner)
    assert len(values) == 3
    assert np.log(11) / 2 < values[0] < 2 * np.log(11)  # a guess among 11 classes
    dataset = runner.train_dataloader.dataset
    assert dataset.metainfo['label_map'] is None
    sample = dataset[0]
    assert sample['data_samples'].caption == 'a car on a road'
    labels = set(np.unique(sample['data_samples'].gt_sem_seg.data))
    assert labels <= {*range(11), 255}
    assert len(runner.val_dataloader.dataset) == 2
    assert 0 <= runner.message_hub.get_scalar('val/mIoU').current() < 60


def test_detection_trains(project, tiny_pipeline):
    write_parts(project / 'data' / 'parts')
    config = Config.fromfile('configs/parts_detection.py')
    runner = run(tiny_version(config, tiny_pipeline, project / 'work', num_iters=1))
    runner.train()
    assert all(0 < value < 10 for value in losses(runner))
    sample = runner.train_dataloader.dataset[0]['data_samples']
    assert sample.caption == 'a close-up photo of a bolt, a nut and a washer'
    assert sample.gt_instances.labels.tolist() == [0, 1, 2]
    scores = runner.test()
    assert set(scores) >= {'coco/bbox_mAP', 'coco/bbox_mAP_50'}
    assert 0 <= scores['coco/bbox_mAP_50'] < 0.9


def test_real_street_photographs(project, tiny_pipeline, shared):
    """CamVid has these classes, from 0 on; its 11, for what does not count, becomes 0."""
    root = project / 'data' / 'streets'
    captions = {}
    for split in ('training', 'validation'):
        for path in sorted((shared / 'camvid' / 'images' / split).iterdir())[:2]:
            mask = cv2.imread(
                str(shared / 'camvid' / 'annotations' / split / path.name), cv2.IMREAD_UNCHANGED
            )
            write_pair(root, split, path.stem, cv2.imread(str(path)), (mask + 1) % 12)
            captions[path.stem] = 'a street'
    (root / 'captions.json').write_text(json.dumps(captions))
    config = Config.fromfile('configs/street_segmentation.py')
    config = tiny_version(config, tiny_pipeline, project / 'work', num_iters=2)
    runner = run(config)
    runner.train()
    assert len(losses(runner)) == 2
    assert np.isfinite(losses(runner)).all()
