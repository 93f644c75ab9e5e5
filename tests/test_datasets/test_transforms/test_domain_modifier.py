import pickle

import pytest
import torch
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from safetensors.torch import save_file

from mmtadp.datasets.transforms import DomainModifier
from mmtadp.registry import TRANSFORMS


def test_registered_in_both_scopes():
    for registry, name in (
        (TRANSFORMS, 'DomainModifier'),
        (ROOT_TRANSFORMS, 'DomainModifier'),
        (ROOT_TRANSFORMS, 'mmtadp.DomainModifier'),
    ):
        assert type(registry.build(dict(type=name))) is DomainModifier


@pytest.mark.parametrize(
    ('template', 'expected'),
    [
        ('{caption}', 'a {dog} and a %s'),
        ('a dark night photo of a {caption}', 'a dark night photo of a a {dog} and a %s'),
        (
            'a dashcam photo of {caption} at sks night',
            'a dashcam photo of a {dog} and a %s at sks night',
        ),
        ('a <comic> style: {caption}', 'a <comic> style: a {dog} and a %s'),
    ],
)
def test_template(template, expected):
    # Braces in a caption are text.
    results = DomainModifier(template)(dict(caption='a {dog} and a %s', img=1))
    assert results == dict(caption=expected, img=1)


def test_default_is_the_null_modifier():
    assert DomainModifier()(dict(caption='a dog')) == dict(caption='a dog')
    assert repr(DomainModifier()) == "DomainModifier(template='{caption}')"


def test_null_text_stays_null_text():
    assert DomainModifier('a foggy photo of a {caption}')(dict(caption='')) == dict(caption='')


@pytest.mark.parametrize(
    ('template', 'problem'),
    [
        ('a dark photo', '{caption} occurs 0 times'),
        ('{caption} and {caption}', '{caption} occurs 2 times'),
        ('a {style} of {caption}', 'unknown placeholder {style}'),
        ('{caption} {} {0}', 'unknown placeholder {}, {0}'),
        ('{caption!r}', 'unknown placeholder {caption!r}'),
        ('{caption:>9} {Caption}', 'unknown placeholder {caption:>9}, {Caption}'),
        ('{caption} }', 'a brace that is not part of a placeholder'),
        ('{{caption}}', 'a brace that is not part of a placeholder'),
        ('{caption', 'a brace that is not part of a placeholder'),
        ('a dark {token} photo of a {caption}', '{token} without learned_embeds'),
        ('a {token} {Token} {caption}', 'unknown placeholder {Token}'),
        ('a {token} photo', '{caption} occurs 0 times'),
        (None, 'expected a string'),
    ],
)
def test_bad_templates(template, problem):
    with pytest.raises(ValueError) as error:
        DomainModifier(template)
    assert problem in str(error.value)
    assert f'template={template!r}' in str(error.value)


def test_without_a_caption_it_says_which_transform_is_missing():
    with pytest.raises(ValueError, match=r'it has: img_path.*CaptionLoadTransform before it'):
        DomainModifier()(dict(img_path='a.png'))


class TestLearnedToken:
    """Textual inversion: the template has a place for the token that a file names."""

    @pytest.fixture(params=['.safetensors', '.bin'])
    def path(self, request, tmp_path):
        path = tmp_path / f'learned_embeds{request.param}'
        # Three vectors are one token to a caption.
        content = {'<night>': torch.ones(3, 8)}
        save_file(content, path) if path.suffix == '.safetensors' else torch.save(content, path)
        return path

    @pytest.mark.parametrize(
        ('template', 'expected'),
        [
            ('a dark {token} photo of a {caption}', 'a dark <night> photo of a {token} road'),
            ('{caption}, {token}, {token}', '{token} road, <night>, <night>'),
        ],
    )
    def test_is_filled_in(self, path, template, expected):
        modifier = DomainModifier(template, learned_embeds=str(path))
        assert modifier.token == '<night>'
        # A caption's own braces are text.
        assert modifier(dict(caption='{token} road')) == dict(caption=expected)
        assert modifier(dict(caption='')) == dict(caption='')

    def test_from_a_config(self, path):
        template = 'a dark {token} photo of a {caption}'
        config = dict(type='mmtadp.DomainModifier', template=template, learned_embeds=str(path))
        modifier = ROOT_TRANSFORMS.build(config)
        assert repr(modifier) == f'DomainModifier({template=}, learned_embeds={str(path)!r})'
        assert DomainModifier().token is None

    def test_workers_need_no_file(self, path):
        modifier = pickle.loads(pickle.dumps(DomainModifier('{token} {caption}', path)))
        path.unlink()
        assert modifier(dict(caption='road')) == dict(caption='<night> road')

    def test_without_a_place_for_it(self, path):
        with pytest.raises(
            ValueError, match=r"template='a \{caption\}': no \{token\}, but learned"
        ):
            DomainModifier('a {caption}', learned_embeds=path)

    def test_no_file(self):
        with pytest.raises(FileNotFoundError, match="learned_embeds='nowhere.bin' .*file"):
            DomainModifier('{token} {caption}', learned_embeds='nowhere.bin')
