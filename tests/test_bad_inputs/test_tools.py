"""Tools of analysis, personalisation and datasets, and those of projects/."""

from pathlib import Path

import pytest
from PIL import Image

PERSONALIZE = ('photos', '--pretrained', '{pipeline}', '--cpu', '--resolution', '32')
TOKEN = (*PERSONALIZE, '--token', '<night>', '--initializer', 'night')
SHAPES, CLAIMS = '../projects/shapescenes/tools', '../projects/claims/tools/claims.py'
ATTENTION = ('streets.py', 'photos/a.png', '--caption', 'a dog')

# Tool, arguments, exit code, what the message names.
CASES = {
    # The config: one way to read it.
    'similar config': ('describe', ['streats.py'], 2, ['streats.py is not there', 'streets.py']),
    'folder': ('describe', ['photos'], 2, ['photos is a folder']),
    'no folder': ('describe', ['no/streets.py'], 2, ['no/streets.py', 'there is no folder no']),
    'text file': ('describe', ['notes.txt'], 2, ['notes.txt is not a config', '.py']),
    'syntax': ('describe', ['broken.py'], 2, ['broken.py', 'line 2', 'SyntaxError']),
    'syntax of a base': ('describe', ['on_broken.py'], 2, ['broken.py (a base of', 'line 2']),
    'missing base': ('describe', ['baseless.py'], 2, ['baseless.py', 'streats.py', 'streets.py?']),
    'missing package': ('describe', ['importing.py'], 2, ['importing.py', 'no_such_package']),
    'no model': ('describe', ['empty.py'], 2, ['empty.py has no model.backbone']),
    'no diffusion': ('describe', ['plain.py'], 2, ['plain.py', 'no TADPUNetBackbone']),
    'unknown module': ('describe', ['misnamed.py'], 2, ['misnamed.py', 'NoSuchNeck']),
    'no pretrained': ('describe', ['moved.py'], 2, ['moved.py', './nowhere', 'does not exist']),
    'channels': (
        'describe',
        ['streets.py', '--cfg-options', 'model.neck.in_channels=[1,2,3,4]'],
        2,
        ['FPN has in_channels=[1, 2, 3, 4]', 'Set in_channels=[32, 109, 141, 64]'],
    ),
    # Overrides.
    'top': ('describe', ['--cfg-options', 'modle.backbone.timestep=3'], 2, ['modle', 'n model?']),
    'training': (
        'describe',
        ['--cfg-options', 'trian_cfg.max_iters=3'],
        2,
        ['trian', 'train_cfg?'],
    ),
    'argument': (
        'describe',
        ['--cfg-options', 'model.backbone.use_atn=False'],
        2,
        ['model.backbone has no use_atn', 'model.backbone.use_attn?'],
    ),
    'index': (
        'describe',
        ['--cfg-options', 'train_dataloader.dataset.pipeline.-1.type=x'],
        2,
        ['train_dataloader.dataset.pipeline', 'of it is 0 to', '-1'],
    ),
    'dict': ('describe', ['--cfg-options', 'model.backbone=3'], 2, ['model.backbone is a dict']),
    'word': ('describe', ['--cfg-options', 'model'], 2, ['key=value', "'model'"]),
    'brackets': ('describe', ['--cfg-options', 'model.neck.in_channels=[1,(2'], 2, ['[1,(2']),
    # Arguments of tools.
    'size': ('describe', ['--forward', '0', '64'], 2, ['--forward', '1 or more', "'0'"]),
    'memory': (
        'describe',
        ['--forward', '2000000', '2000000'],
        2,
        ['out of memory', 'smaller batches or images'],
    ),
    'device': ('describe', ['--device', 'banana'], 2, ['--device', 'cpu, cuda', "'banana'"]),
    'gpu': ('describe', ['--device', 'cuda:99'], 2, ['--device', 'cuda:99']),
    'option': ('describe', ['--devise', 'cpu'], 2, ['--devise', 'Did you mean --device?']),
    'images': ('training_memory', ['--batch-size', '0'], 2, ['--batch-size', '1 or more', "'0'"]),
    'memory of nothing': ('training_memory', ['plain.py'], 2, ['plain.py has no optim_wrapper']),
    'precision': (
        'training_memory',
        ['--cfg-options', 'optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.dtype=float99'],
        2,
        ["optim_wrapper.dtype is 'float99'", 'bfloat16'],
    ),
    'repeats': ('benchmark', ['--repeats', '-1'], 2, ['--repeats', "'-1'"]),
    'no image': (
        'visualize_attention',
        ['streets.py', 'photos/q.png', *ATTENTION[2:]],
        2,
        ['q.png'],
    ),
    'not an image': (
        'visualize_attention',
        ['streets.py', 'notes.txt', *ATTENTION[2:]],
        2,
        ['notes'],
    ),
    'short side': ('visualize_attention', [*ATTENTION, '--short-side', '-5'], 2, ["'-5'"]),
    'out': ('visualize_attention', [*ATTENTION, '--out', 'photos'], 2, ['photos is a folder']),
    'checkpoint': ('visualize_attention', [*ATTENTION, '--checkpoint', 'no.pth'], 2, ['no.pth']),
    'word of caption': ('visualize_attention', [*ATTENTION, '--words', 'cat'], 2, ["'cat'"]),
    'metafile': ('zoo_tables', ['ZOO.md'], 2, ['no_metafile.yml']),
    'YAML': ('zoo_tables', ['YAML.md'], 2, ['YAML.md']),
    # Personalisation.
    'flip': ('textual_inversion', [*TOKEN, '--out', 'o', '--flip', '7'], 2, ['--flip', "'7'"]),
    'steps': ('textual_inversion', [*TOKEN, '--out', 'o', '--steps', '0'], 2, ['--steps', "'0'"]),
    'rate': ('dreambooth', [*PERSONALIZE, '--out', 'o', '--learning-rate', 'nan'], 2, ["'nan'"]),
    'class images': (
        'dreambooth',
        [*PERSONALIZE, '--out', 'o', '--class-images', '0'],
        2,
        ["'0'"],
    ),
    'choice': (
        'dreambooth',
        [*PERSONALIZE, '--out', 'o', '--mixed-precision', 'fp17'],
        2,
        ["'fp17'", 'Did you mean fp16?'],
    ),
    'out is a file': (
        'dreambooth',
        [*PERSONALIZE, '--out', 'notes.txt'],
        2,
        ['notes.txt is a file'],
    ),
    'below a file': (
        'textual_inversion',
        [*TOKEN, '--out', 'notes.txt/o', '--steps', '1'],
        2,
        ['notes.txt is a file, not a folder'],
    ),
    'templates': (
        'textual_inversion',
        [*TOKEN, '--out', 'o', '--templates', 'latin.txt'],
        2,
        ['UTF-8'],
    ),
    'settings of a run': (
        'textual_inversion',
        [*TOKEN, '--out', 'damaged_settings'],
        2,
        ['damaged_settings/settings.json', 'not JSON', '--overwrite'],
    ),
    'draws': (
        'denoising_loss',
        ['photos', '--prompts', '', '--draws', '0'],
        2,
        ['--draws', "'0'"],
    ),
    'crop': (
        'denoising_loss',
        ['photos', '--prompts', '', '--pretrained', '{pipeline}', '--resolution', '31'],
        2,
        ['--resolution is 31', 'a multiple of 8'],
    ),
    'no photos': (
        'denoising_loss',
        ['fotos', '--prompts', '', '--pretrained', '{pipeline}', '--device', 'cpu'],
        2,
        ["'fotos' does not exist"],
    ),
    # Datasets.
    'split': ('acdc', ['.', '--splits', 'vall'], 2, ["'vall'", 'Did you mean val?']),
    'no set': ('voc2012_aug', ['photos'], 2, ['photos has no folder JPEGImages', 'Unpack']),
    'list': ('voc2012_aug', ['voc'], 2, ['train.txt is not UTF-8']),
    'no captions': ('nyu_captions', ['no.json'], 2, ['no.json']),
    'captions to a folder': (
        'nyu_captions',
        ['nyu.json', '--root', 'nyu', '--expected', 'train=1', 'test=0', '--out', 'photos'],
        2,
        ['photos: a folder is in the way'],
    ),
    # Projects.
    'domain': (f'{SHAPES}/prepare.py', ['o', '--domains', 'nihgt'], 2, ["'nihgt'", 'mean night?']),
    'scenes': (f'{SHAPES}/prepare.py', ['o', '--training', '0'], 2, ['--training', "'0'"]),
    'workers': (f'{SHAPES}/prepare.py', ['o', '--workers', '-1'], 2, ['--workers', "'-1'"]),
    'many scenes': (
        f'{SHAPES}/prepare.py',
        ['o', '--training', '1000001'],
        2,
        ['1000001 training', 'at most 1000000'],
    ),
    'overflow': ('describe', ['--forward', '1000000000', '1000000000'], 2, ['out of memory']),
    'number': (
        'describe',
        ['--forward', '64', str(10**19)],
        2,
        ['--forward', 'at most 2147483647'],
    ),
    'pixels': (f'{SHAPES}/prepare.py', ['o', '--size', '8'], 2, ['size is 8']),
    'root is a file': (f'{SHAPES}/prepare.py', ['notes.txt'], 2, ['notes.txt is a file']),
    'manifest': (
        f'{SHAPES}/prepare.py',
        ['damaged_scenes'],
        2,
        ['damaged_scenes/day/shapescenes.json is damaged', 'delete this one'],
    ),
    'something else': (
        f'{SHAPES}/prepare.py',
        ['other_scenes'],
        2,
        ['other_scenes/day', 'holds files'],
    ),
    'task': (f'{SHAPES}/demo.py', ['--task', 'deteciton'], 2, ['Did you mean detection?']),
    'work dir': (f'{SHAPES}/demo.py', ['--work-dir', 'notes.txt'], 2, ['notes.txt is a file']),
    'results of a demo': (
        f'{SHAPES}/demo.py',
        ['--work-dir', 'damaged_demo'],
        2,
        ['damaged_demo/segmentation/metrics.json', "no entry 'iterations'", '--overwrite'],
    ),
    'seeds': (f'{SHAPES}/evaluate.py', ['{pipeline}', '--seeds', '0'], 2, ['--seeds', "'0'"]),
    'no pipeline': (f'{SHAPES}/evaluate.py', ['./nowhere'], 2, ["'./nowhere' does not exist"]),
    'pretraining': (
        f'{SHAPES}/pretrain.py',
        ['--out', 'o', '--size', '65'],
        2,
        ['multiple of 64'],
    ),
    'weights': (
        f'{SHAPES}/train_captioner.py',
        ['--out', 'o', '--domains', 'day=nan'],
        2,
        ['day=2'],
    ),
    'runs': (CLAIMS, ['--only', 'NOTHING'], 2, ['--only NOTHING', 'null_shapescenes-seed0']),
    'no seed': (CLAIMS, ['--seeds', '0'], 2, ['--seeds', "'0'"]),
    'jobs': (CLAIMS, ['--jobs', '0'], 2, ['--jobs', "'0'"]),
    'results': (
        CLAIMS,
        ['--dry-run', '--results', 'results.jsonl'],
        2,
        ['results.jsonl, line 1', "no entry 'key'", 'Remove the line'],
    ),
}
FOLDERS = {
    'analysis_tools': (
        'describe',
        'training_memory',
        'benchmark',
        'visualize_attention',
        'zoo_tables',
    ),
    'personalize': ('textual_inversion', 'dreambooth', 'denoising_loss'),
    'dataset_converters': ('acdc', 'voc2012_aug', 'nyu_captions'),
}


@pytest.fixture
def workplace(small_file, tiny_pipeline, repository, tmp_path) -> Path:
    """Return a folder with the inputs that the cases name."""
    base = repository / 'configs' / 'tadp' / 'tadp40_ade20k_80k.py'
    model = 'dict(backbone=dict(pretrained={}), neck=dict(in_channels=[32, 109, 141, 64]))'
    for name, text in {
        'streets.py': f"_base_ = '{base}'\nmodel = {model.format(repr(str(tiny_pipeline)))}\n",
        'moved.py': f"_base_ = '{base}'\nmodel = {model.format(repr('./nowhere'))}\n",
        'misnamed.py': f"_base_ = '{base}'\nmodel = dict(neck=dict(type='NoSuchNeck'))\n",
        'plain.py': """
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18),
    decode_head=dict(type='FCNHead', in_channels=512, channels=4, num_classes=2, in_index=-1),
)
""",
        'broken.py': 'a = 1\nb = dict(\n',
        'on_broken.py': "_base_ = './broken.py'\n",
        'baseless.py': "_base_ = './streats.py'\n",
        'importing.py': "custom_imports = dict(imports=['no_such_package'])\n",
        'empty.py': "default_scope = 'mmseg'\n",
        'notes.txt': 'notes',
        'latin.txt': b'\xff {token}',
        'ZOO.md': '<!-- zoo: no_metafile.yml -->\n<!-- /zoo -->\n',
        'YAML.md': '<!-- zoo: list.yml -->\n<!-- /zoo -->\n',
        'list.yml': '[1',
        'nyu.json': '{"kitchen_0028b_00045": "a kitchen"}',
        'nyu/images/train/kitchen_0028b_00045.jpg': '',
        'nyu/images/test/.keep': '',
        'voc/JPEGImages/a.jpg': '',
        'voc/SegmentationClassAug/a.png': '',
        'voc/ImageSets/Segmentation/train.txt': b'\xff',
        'voc/ImageSets/Segmentation/val.txt': 'b',
        'damaged_settings/checkpoint.pt': '',
        'damaged_settings/settings.json': '{',
        'damaged_scenes/day/shapescenes.json': '{"complete": 1}',
        'other_scenes/day/photo.jpg': '',
        'damaged_demo/segmentation/metrics.json': '{"labelled_scenes": 1}',
        'results.jsonl': '{"fingerprint": "0"}\n',
    }.items():
        small_file(name, text)
    (tmp_path / 'photos').mkdir()
    Image.new('RGB', (32, 32)).save(tmp_path / 'photos' / 'a.png')
    return tmp_path


@pytest.mark.parametrize('name', CASES)
def test_tool(name, tool, workplace, tiny_pipeline, forget_accelerate):
    path, arguments, code, names = CASES[name]
    arguments = [str(word).replace('{pipeline}', str(tiny_pipeline)) for word in arguments]
    for folder, tools in FOLDERS.items():
        if path in tools:
            if folder == 'analysis_tools' and arguments[0].startswith('--'):
                arguments.insert(0, 'streets.py')
            path = f'{folder}/{path}.py'
    outcome = tool(path, *arguments)
    outcome.check(code, names)
