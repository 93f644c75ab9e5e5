"""The other domain of docs/custom_dataset.md: its config, and the commands around it."""

import json
import re
import runpy
import shlex
import shutil
from pathlib import Path

import mmseg.datasets  # noqa: F401
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from safetensors.torch import save_file

from mmtadp.utils.testing_options import use_tta
from tests.utils.paths import REPOSITORY
from tests.utils.tiny_runs import write_images

PAGE = (REPOSITORY / 'docs' / 'custom_dataset.md').read_text()


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Write the document's configs and folders, with a caption for each image, and a token."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r'```(?:python|text)\n(_base_ = .*?)```', PAGE, re.DOTALL)
    names = ('my_streets.py', 'my_streets_dusk.py', 'my_streets_tiny.py')
    for name, block in zip(names, blocks, strict=True):
        Path(name).write_text(block)
    streets = write_images(tmp_path / 'data' / 'streets')
    for kind in ('images', 'annotations'):
        shutil.copytree(streets / kind / 'validation', streets / kind / 'dusk')
    images = [path.relative_to(streets / 'images') for path in streets.glob('images/*/*.png')]
    captions = {str(path): f'a {path.parent} street' for path in images}
    Path('captions.json').write_text(json.dumps(captions))
    Path('tokens/dusk').mkdir(parents=True)
    save_file({'<dusk>': torch.ones(8)}, 'tokens/dusk/learned_embeds.safetensors')
    return tmp_path


def captions(dataset: dict) -> set[str]:
    init_default_scope('mmseg')
    built = DATASETS.build(dataset)
    return {built[index]['data_samples'].metainfo['caption'] for index in range(len(built))}


def test_captions_are_worded_for_the_domain(project):
    config = Config.fromfile('my_streets_dusk.py')
    assert captions(config.train_dataloader.dataset) == {
        'a dark <dusk> photo of a training street'
    }
    assert captions(config.test_dataloader.dataset) == {'a dark <dusk> photo of a dusk street'}
    prompt = config.model.backbone.prompt
    assert prompt.learned_embeds == 'tokens/dusk/learned_embeds.safetensors'
    assert config.val_dataloader.dataset == config.test_dataloader.dataset


@pytest.mark.parametrize('name', ['my_streets.py', 'my_streets_dusk.py'])
def test_mmseg_api_and_tta_use_the_same_captions(project, name):
    """Neither pipeline is the base's, whose caption file is ADE20K's."""
    config = Config.fromfile(name)
    assert config.test_pipeline == config.test_dataloader.dataset.pipeline
    load_caption, *others = config.tta_pipeline
    assert load_caption == config.test_pipeline[0]
    assert load_caption.ann_file == 'captions.json'
    assert others[-1].type == 'TestTimeAug'
    use_tta(config)
    assert config.test_dataloader.dataset.pipeline == config.tta_pipeline


def test_the_tiny_config_fits_both(project):
    tiny = Path('my_streets_tiny.py').read_text()
    Path('my_streets_dusk_tiny.py').write_text(tiny.replace('my_streets.py', 'my_streets_dusk.py'))
    day, dusk = map(Config.fromfile, ('my_streets_tiny.py', 'my_streets_dusk_tiny.py'))
    assert day.train_cfg.max_iters == dusk.train_cfg.max_iters == 200
    assert 'learned_embeds' in dusk.model.backbone.prompt
    assert 'learned_embeds' not in day.model.backbone.prompt
    assert captions(day.train_dataloader.dataset) == {'a training street'}


def test_arguments_exist(monkeypatch):
    blocks = '\n'.join(re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)).replace('\\\n', ' ')
    pattern = r'^python \$MMTADP/(tools/(?:captions|personalize)/\w+\.py) (.*)$'
    commands = re.findall(pattern, blocks, re.M)
    assert len(commands) == 6
    for script, arguments in commands:
        monkeypatch.syspath_prepend(str((REPOSITORY / script).parent))
        parser = runpy.run_path(str(REPOSITORY / script))['make_parser']()
        parser.parse_args(shlex.split(arguments))
