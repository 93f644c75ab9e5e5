import pytest

from mmtadp.utils.dependencies import check_dependencies, find_problems

ONEDL = {
    'torch': '2.13.0+cpu',
    'diffusers': '0.42.1',
    'transformers': '5.23.0',
    'onedl-mmcv': '2.3.6',
    'onedl-mmengine': '0.10.12',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmdetection': '3.5.1',
}
OPENMMLAB = {
    'torch': '2.14.0.dev20261101',
    'diffusers': '0.42.1',
    'transformers': '5.23.0',
    'mmcv': '2.1.0',
    'mmengine': '0.10.7',
    'mmsegmentation': '1.2.2',
    'mmdet': '3.3.0',
}


def without(installed: dict, *names: str) -> dict:
    return {name: version for name, version in installed.items() if name not in names}


@pytest.mark.parametrize(
    'installed',
    [
        ONEDL,
        OPENMMLAB,
        without(ONEDL, 'onedl-mmdetection'),
        without(OPENMMLAB, 'mmsegmentation'),
        {**without(OPENMMLAB, 'mmcv', 'mmdet'), 'mmcv-lite': '2.1.0'},
    ],
)
def test_no_problems(installed):
    assert find_problems(installed.get) == []


@pytest.mark.parametrize(
    'installed, problem',
    [
        (without(ONEDL, 'torch'), 'torch>=2.6,<3 (not installed)'),
        ({**ONEDL, 'transformers': '4.57.0'}, 'transformers<6,>=5.6 (4.57.0 is installed)'),
        ({**ONEDL, 'onedl-mmcv': '2.2.0'}, 'onedl-mmcv<3,>=2.3.6 (2.2.0 is installed)'),
        ({**OPENMMLAB, 'mmcv': '2.2.0'}, 'mmcv<2.2,>=2.1 (2.2.0 is installed)'),
        ({**OPENMMLAB, 'mmdet': '2.28.2'}, 'mmdet<4,>=3.3 (2.28.2 is installed)'),
        (
            without(ONEDL, 'onedl-mmengine'),
            'onedl-mmengine>=0.10.12,<1 or mmengine>=0.10.7,<1 (not installed)',
        ),
        (
            {**ONEDL, 'mmcv': '2.1.0'},
            'onedl-mmcv>=2.3.6,<3 or mmcv>=2.1,<2.2 or mmcv-lite>=2.1,<2.2, not both (onedl-mmcv '
            '2.3.6 and mmcv 2.1.0 overwrite each other: uninstall both first)',
        ),
        (
            without(ONEDL, 'onedl-mmsegmentation', 'onedl-mmdetection'),
            'onedl-mmsegmentation>=1.4.2,<2 or mmsegmentation>=1.2.2,<2 or '
            'onedl-mmdetection>=3.5.1,<4 or mmdet>=3.3,<4 (not installed)',
        ),
    ],
)
def test_problems_say_what_is_needed_and_what_is_there(installed, problem):
    assert find_problems(installed.get) == [problem]


def test_the_error_says_how_to_install():
    with pytest.raises(ImportError) as info:
        check_dependencies({**ONEDL, 'diffusers': '0.20.0', 'torch': '2.5.1'}.get)
    message = str(info.value)
    assert message.startswith('mmtadp needs torch<3,>=2.6 (2.5.1 is installed); diffusers<1,>=')
    for extra in ('onedl-mmseg', 'onedl', 'openmmlab'):
        assert f"'mmtadp[{extra}]'" in message
    assert '--no-build-isolation' in message and 'compiler' in message
