"""Every config of the project, built at full size on the meta device."""

import runpy

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from safetensors.torch import save_file

from mmtadp.models import no_pretrained_weights
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs'
PATHS = {path.stem: path for path in sorted((CONFIGS / 'tadp').glob('**/*.py'))}
ALL = list(PATHS)
# The dataset in a config's name, by family.
DATASETS = dict(
    ade20k='ade20k', voc2012='voc2012', nyu='nyu', cityscapes='cityscapes2', voc_detection='voc2'
)


def family_of(name: str) -> str:
    """The family whose dataset a config's name has, such as ``'voc2012'`` before ``'voc2'``."""
    return next(family for family, dataset in DATASETS.items() if f'_{dataset}' in name)


FAMILIES = {family: [name for name in ALL if family_of(name) == family] for family in DATASETS}

# Tokens by prompt, where they are not a caption's 77.
TOKENS = {
    **{name: 150 for name in FAMILIES['ade20k'] if name.startswith('vpd')},
    'vpd_voc2012_15e': 21,
    'vpd_ls_voc2012_15e': 21,
    'class_embeddings_voc2012_15e': 23,
    **{name: 1 for name in FAMILIES['nyu'] if name.startswith('vpd')},
}
# Stable Diffusion 1.5's U-Net without conv_norm_out and conv_out, and the text adapter.
UNET = 859_508_800
TEXT_ADAPTER = 1_181_952
# What a segmentation head has beside its classifier of 256 weights and a bias for each class.
FPN_HEAD = 4_132_352
DEPTH_HEAD, RPN_HEAD, ROI_HEAD = 11_537_409, 593_935, 13_999_205
CLASSES = dict(ade20k=150, voc2012=21, cityscapes=19)


def config_of(name: str) -> Config:
    return Config.fromfile(PATHS[name])


@pytest.fixture(scope='module')
def build():
    """Builds a config's model; once, where configs differ in other things only."""
    models = {}

    def _build(config: Config):
        key = Config(dict(model=config.model)).pretty_text
        if key not in models:
            with (
                DefaultScope.overwrite_default_scope(config.default_scope),
                torch.device('meta'),
                no_pretrained_weights(),
            ):
                models[key] = MODELS.build(config.model)
        return models[key]

    return _build


@pytest.fixture(scope='module')
def costs() -> dict[str, dict]:
    """Parameters and FLOPs in the metafiles, by config."""
    files = sorted((CONFIGS / 'tadp').glob('metafile*.yml'))
    listed = [model for file in files for model in yaml.safe_load(file.read_text())['Models']]
    return {model['Name']: model['Metadata'] for model in listed}


@pytest.fixture(scope='module')
def describe() -> dict:
    return runpy.run_path(str(REPOSITORY / 'tools' / 'analysis_tools' / 'describe.py'))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """What configs name beside Stable Diffusion, where they name it."""
    folder = tmp_path_factory.mktemp('weights')
    widths = dict(night=768, watercolor=768, comic=768)
    tokens = {f'tokens/{name}': width for name, width in widths.items()}
    for name, width in tokens.items():
        token = folder / 'data' / name
        token.mkdir(parents=True)
        vectors = {f'<{token.name}>': torch.zeros(2, width)}
        save_file(vectors, token / 'learned_embeds.safetensors')
    return folder


@pytest.fixture
def in_weights(weights, monkeypatch):
    monkeypatch.chdir(weights)


def test_counts():
    assert len(ALL) == 71
    assert {family: len(members) for family, members in FAMILIES.items()} == dict(
        ade20k=30, voc2012=10, nyu=9, cityscapes=9, voc_detection=13
    )


@pytest.mark.parametrize('name', ALL)
def test_a_config_is_a_short_difference(name):
    text = PATHS[name].read_text()
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != '#']
    assert len(lines) < 25


def test_every_base_is_used():
    used = set()
    for path in CONFIGS.glob('**/*.py'):
        for base in Config._get_base_files(str(path)):
            assert not base.startswith('mmtadp::')
            resolved = (path.parent / base).resolve()
            assert resolved.is_file()
            used.add(resolved)
    bases = set((CONFIGS / '_base_').resolve().glob('**/*.py'))
    assert bases <= used


@pytest.mark.parametrize('name', ALL)
def test_full_size(name, in_weights, build, costs):
    config = config_of(name)
    family = family_of(name)
    # Building checks the neck's channels against the backbone's.
    model = build(config)
    backbone = model.backbone
    parameters = sum(p.numel() for p in model.parameters())
    assert costs[name]['Parameters'] == parameters
    num_tokens = TOKENS.get(name, 77)
    assert backbone.prompt.num_tokens == num_tokens
    maps = 0 if family == 'nyu' else num_tokens
    assert backbone.out_channels == (320, 640 + maps, 1280 + maps, 1280)
    assert count(backbone.unet) == UNET
    # The text encoder and the autoencoder are not trained.
    adapter = TEXT_ADAPTER if name.startswith('vpd') or '_ta_' in name else 0
    assert count(backbone) == UNET + adapter
    assert backbone.vae.scale == (
        1.0 if name.startswith('vpd_') and '_ls_' not in name else 0.18215
    )
    assert backbone.unet.is_gradient_checkpointing == name.endswith('_1gpu')
    assert (config.default_scope, type(model).__name__) == dict(
        nyu=('mmseg', 'DepthEstimator'), voc_detection=('mmdet', 'FasterRCNN')
    ).get(family, ('mmseg', 'EncoderDecoder'))
    if family == 'nyu':
        assert count(model.decode_head) == DEPTH_HEAD
    elif family == 'voc_detection':
        assert count(model.neck) == 3_301_888
        assert (count(model.rpn_head), count(model.roi_head)) == (RPN_HEAD, ROI_HEAD)
    else:
        assert model.num_classes == CLASSES[family]
        laterals = (sum(backbone.out_channels) + 4) * 256
        assert count(model.neck) == laterals + 4 * (9 * 256 * 256 + 256)
        assert count(model.decode_head) == FPN_HEAD + 257 * CLASSES[family]


@pytest.mark.parametrize('name', ['vpd_ade20k_4k', 'tadp40_nyu_25e', 'tadp_simple_voc2comic_100e'])
def test_flops_in_the_metafile(name, in_weights, build, costs, describe):
    rows = describe['count_flops'](build(config_of(name)), 512, 512)
    assert sum(flops for _, flops in rows) == costs[name]['FLOPs']
