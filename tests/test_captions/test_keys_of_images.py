import pytest

from mmtadp.captions import CaptionStore
from mmtadp.captions.formats import Entry
from mmtadp.captions.keys_of_images import assign_keys
from mmtadp.captions.write import write_captions
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_sources import ImageFile


def images(*paths: str) -> list[ImageFile]:
    return [ImageFile(f'/data/{path}', '/data') for path in paths]


@pytest.mark.parametrize(
    'policy, keys',
    [
        ('stem', ['a', 'b.1']),
        ('filename', ['a.png', 'b.1.jpg']),
        ('relpath', ['day/b.1.jpg', 'night/a.png']),
    ],
)
def test_keys_lead_back_to_their_images(policy, keys, tmp_path):
    assigned = assign_keys(images('night/a.png', 'day/b.1.jpg'), policy)
    assert list(assigned) == keys
    path = tmp_path / 'captions.json'
    write_captions(path, {key: Entry((image,)) for key, image in assigned.items()})
    for store in (CaptionStore([str(path)]), CaptionStore([str(path)], policy)):
        assert all(store.find(image) == [image] for image in assigned.values())


@pytest.mark.parametrize(
    'policy, paths', [('stem', ('x/a.png', 'x/a.jpg')), ('filename', ('x/a.png', 'y/a.png'))]
)
def test_one_key_for_two_images(policy, paths):
    with pytest.raises(RunError) as error:
        assign_keys(images(*paths), policy)
    assert all(f'/data/{path}' in str(error.value) for path in paths)
    assert 'Use --key' in str(error.value)


def test_same_path_below_two_roots():
    twice = [ImageFile('/train/a.png', '/train'), ImageFile('/val/a.png', '/val')]
    with pytest.raises(RunError, match="'/train/a.png' and '/val/a.png' .* with --root"):
        assign_keys(twice, 'relpath')


def test_a_key_that_fits_the_image_of_another():
    with pytest.raises(RunError, match="'a.png' of .*/a.png would also fit .*/x/a.png"):
        assign_keys(images('a.png', 'x/a.png'), 'relpath')
    above = [ImageFile(image.path, '/') for image in images('a.png', 'x/a.png')]
    assert list(assign_keys(above, 'relpath')) == ['data/a.png', 'data/x/a.png']


def test_a_stem_that_looks_like_a_file_name():
    with pytest.raises(RunError, match=r"'scan.jpg' would be read .* --key filename"):
        assign_keys(images('scan.jpg.png'), 'stem')


def test_an_image_outside_its_root():
    with pytest.raises(RunError, match='/data/a.png is not inside /other'):
        assign_keys([ImageFile('/data/a.png', '/other')], 'relpath')


def test_a_name_that_is_no_text():
    with pytest.raises(RunError, match='not UTF-8.*rename'):
        assign_keys(images('a\udcff.png'), 'stem')


def test_unknown_policy():
    with pytest.raises(RunError, match="policy 'auto': expected one of stem, filename"):
        assign_keys(images('a.png'), 'auto')
