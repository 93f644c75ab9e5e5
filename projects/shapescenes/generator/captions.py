"""Captions from the scene alone.

They name each object by its class word, verbatim and in lower case, and never
say how the picture is rendered: the domain is the business of a modifier. Nor
do they say left or right, so that a flipped image keeps its caption.
"""

from .scene import SETTINGS, Draws, Scene, SceneObject

_SHORT_MENTIONS = 3


def scene_captions(scene: Scene) -> list[str]:
    """Describe a scene.

    Args:
        scene (Scene): The scene.

    Returns:
        list[str]: Two captions. The long one mentions every object with its
        size, texture and colour, says what is behind what, and names ground
        and backdrop. The short one names the ground and at most the three
        objects that look largest.
    """
    # A stream of its own, so that wording never changes what is painted.
    draws = Draws(*scene.seed, 1)
    return [_long_caption(scene, draws), _short_caption(scene, draws)]


def article(phrase: str) -> str:
    """The phrase with its indefinite article."""
    return f'{"an" if phrase[0] in "aeiou" else "a"} {phrase}'


def _describe(obj: SceneObject, mentioned: set[str], details: bool) -> str:
    """A noun phrase; a class mentioned before gets "another"."""
    words = [obj.colour, obj.name] if details else [obj.name]
    if details and obj.texture != 'plain':
        words.insert(1, obj.texture)
    if details and obj.size != 'medium':
        words.insert(0, obj.size)
    phrase = ' '.join(words)
    phrase = f'another {phrase}' if obj.name in mentioned else article(phrase)
    mentioned.add(obj.name)
    return phrase


def _join(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else f'{", ".join(phrases[:-1])} and {phrases[-1]}'


def _long_caption(scene: Scene, draws: Draws) -> str:
    nearest_first = sorted(scene.objects, key=lambda o: o.depth)
    # Front and back are told apart where the gap in depth is widest.
    gaps = [b.depth - a.depth for a, b in zip(nearest_first, nearest_first[1:])]
    front_count = gaps.index(max(gaps)) + 1 if gaps else 1
    mentioned: set[str] = set()
    front = [_describe(o, mentioned, details=True) for o in nearest_first[:front_count]]
    back = [_describe(o, mentioned, details=True) for o in nearest_first[front_count:]]

    setting = SETTINGS[scene.setting]
    subject = f'{front[0]} next to {_join(front[1:])}' if front[1:] else front[0]
    opening = draws.pick(('', '', 'there is '))
    place = f'{setting.ground_phrase} {setting.backdrop_phrase}'
    if not back:
        return f'{opening}{subject} {place}'
    if draws.uniform() < 0.5:
        return f'{opening}{subject} {setting.ground_phrase}, with {_join(back)} behind, ' + (
            setting.backdrop_phrase
        )
    return f'{opening}{subject} in front of {_join(back)}, {place}'


def _short_caption(scene: Scene, draws: Draws) -> str:
    largest_first = sorted(scene.objects, key=lambda o: -o.image_height)
    mentioned: set[str] = set()
    phrases = [_describe(o, mentioned, details=False) for o in largest_first[:_SHORT_MENTIONS]]
    place = draws.pick((SETTINGS[scene.setting].ground_phrase,) * 2 + ('outside',))
    if SETTINGS[scene.setting].has_wall and place == 'outside':
        place = SETTINGS[scene.setting].backdrop_phrase
    return f'{_join(phrases)} {place}'
