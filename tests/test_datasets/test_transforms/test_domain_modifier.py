import pytest
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS

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
        ('{caption} }', 'a brace that belongs to no placeholder'),
        ('{{caption}}', 'a brace that belongs to no placeholder'),
        ('{caption', 'a brace that belongs to no placeholder'),
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
