"""Captions that textual inversion learns a token in; ``{token}`` is where it goes."""

# What the token stands for, and sentences that say nothing else of an image.
TEMPLATES = {
    'style': (
        'an image in the style of {token}',
        'a picture in the style of {token}',
        'a scene in the style of {token}',
        'a {token} style image',
        'a {token} style picture',
        'a view in {token} style',
        'a detailed image in the style of {token}',
        'a cropped image in the style of {token}',
        'a close-up in the style of {token}',
        'the {token} style',
    ),
    # As the paper words captions of Watercolor2k and Comic2k (Sec. 4.3).
    'painting': (
        'a {token} style painting',
        'a painting in the style of {token}',
        'a rendering in the style of {token}',
        'a cropped painting in the style of {token}',
        'a detailed painting in the style of {token}',
        'a close-up painting in the style of {token}',
        'a small painting in the style of {token}',
        'a large painting in the style of {token}',
        'a bright painting in the style of {token}',
        'a dark painting in the style of {token}',
    ),
    # As it words captions of streets at night.
    'photo': (
        'a {token} photo',
        'a dark {token} photo',
        'a {token} photo of a scene',
        'a {token} photo of a street',
        'a photo of a {token} scene',
        'a cropped {token} photo',
        'a detailed {token} photo',
        'a wide {token} photo',
        'a close-up {token} photo',
        'an image of a {token} scene',
    ),
    'object': (
        'a photo of a {token}',
        'a photo of the {token}',
        'a photo of one {token}',
        'a picture of a {token}',
        'an image of the {token}',
        'a close-up photo of a {token}',
        'a cropped photo of the {token}',
        'a bright photo of the {token}',
        'a dark photo of the {token}',
        'a rendering of a {token}',
    ),
}

# How a DomainModifier may word captions of images, in the manner of the templates.
_WORDINGS = {
    TEMPLATES['painting']: 'a {token} style painting of {caption}',
    TEMPLATES['photo']: 'a {token} photo of {caption}',
}


def suggested_wording(templates: tuple[str, ...]) -> str:
    """Return a template of :class:`.DomainModifier` that fits those a token was learned in."""
    return _WORDINGS.get(templates, 'a {token} style image of {caption}')
