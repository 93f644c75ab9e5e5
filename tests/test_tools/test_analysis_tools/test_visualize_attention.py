import cv2
import numpy as np
import pytest

from mmtadp.apis import init_model
from projects.shapescenes.tests.test_demo import load_tool

CAPTION = 'a big red star next to another star, and a drumstick'


@pytest.fixture(scope='module')
def tool(repository):
    return load_tool(repository, 'tools/analysis_tools/visualize_attention.py')


@pytest.fixture(scope='module')
def pipeline(tinysd):
    return tinysd


@pytest.fixture(scope='module')
def model(repository, pipeline):
    from mmengine.config import Config

    cfg = Config.fromfile(
        repository / 'projects' / 'shapescenes' / 'configs' / 'tadp_shapescenes.py'
    )
    cfg.model.backbone.pretrained = str(pipeline)
    return init_model(cfg)


@pytest.fixture(scope='module')
def image():
    return np.random.RandomState(0).randint(0, 255, (80, 112, 3)).astype(np.uint8)


def test_command(tool, pipeline, repository, image, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    text = (
        f"_base_ = '{repository}/projects/shapescenes/configs/tadp_shapescenes.py'\n"
        f"model = dict(backbone=dict(pretrained='{pipeline}'))\n"
    )
    (tmp_path / 'config.py').write_text(text)
    command = [str(tmp_path / 'config.py'), str(tmp_path / 'image.png'), '--caption', CAPTION]
    out = tmp_path / 'new' / 'words.png'
    tool.main([*command, '--words', 'star', 'red', '--short-side', '64', '--out', str(out)])
    sheet = cv2.imread(str(out))
    # Three panels next to one another, the image and a map for each word.
    assert sheet.shape[1] == round(3 * tool.PANEL_WIDTH * tool.DPI) and sheet.std() > 20
    assert f'Wrote {out}: star, red' in capsys.readouterr().out
    assert tool.main([*command, '--words', 'moon']) == 2
    assert "'moon'" in capsys.readouterr().err
    command[1] = str(tmp_path / 'none.png')
    with pytest.raises(SystemExit):
        tool.main(command)
    assert 'none.png does not exist' in capsys.readouterr().err


def test_default_words(tool, model):
    model.dataset_meta = dict(classes=('background', 'gear', 'star'))
    assert tool.default_words(model, 'a star in front of a gear and a star') == ['star', 'gear']
    model.dataset_meta = None
    assert tool.default_words(model, 'a dog on a wooden floor') == ['wooden', 'floor']
