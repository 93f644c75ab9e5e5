import pytest

from mmtadp.captions.keys import auto_suffices


@pytest.mark.parametrize(
    'keys, policy, suffices',
    [
        (['a', 'b'], 'stem', True),
        (['a.png', 'b.png'], 'filename', True),
        (['day/a.png', 'b.png'], 'relpath', True),
        # 'auto' reads these as file names, which fit the same images.
        (['a.png', 'b.png'], 'relpath', True),
        (['a.png', 'b.png'], 'stem', False),
        (['day/a.png'], 'filename', False),
        # Several kinds of keys, which 'auto' refuses.
        (['a', 'b.png'], 'stem', False),
    ],
)
def test_auto_suffices(keys, policy, suffices):
    assert auto_suffices(keys, policy, 'captions.json') is suffices
