"""Captions written from the scene.

They name each object by its class word, verbatim and in lower case. They never name the domain,
which is the task of a domain modifier, nor left and right, so a flipped image keeps its caption.
"""

from .scene import SETTINGS, RandomStream, Scene, SceneObject

_SHORT_MENTIONS = 3


def scene_captions(scene: Scene) -> list[str]:
    """Describe a scene.

    Args:
        scene (Scene): The scene.

    Returns:
        list[str]: A long and a short caption. The long one names every object with its size,
        texture and colour, which objects are behind which, the ground and the backdrop. The short
        one names the ground and at most the three objects that are largest in the image.
    """
    # A stream of its own, so that the wording never changes the image.
    stream = RandomStream(*scene.seed, 1)
    return [_long_caption(scene, stream), _short_caption(scene, stream)]


def article(phrase: str) -> str:
    """Return the phrase with its indefinite article."""
    return f'{"an" if phrase[0] in "aeiou" else "a"} {phrase}'


def _describe(obj: SceneObject, mentioned: set[str], details: bool) -> str:
    """Return a noun phrase; a class that was mentioned before gets "another"."""
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


def _long_caption(scene: Scene, stream: RandomStream) -> str:
    nearest_first = sorted(scene.objects, key=lambda o: o.depth)
    # Front and back are told apart where the gap in depth is widest.
    gaps = [b.depth - a.depth for a, b in zip(nearest_first, nearest_first[1:])]
    front_count = gaps.index(max(gaps)) + 1 if gaps else 1
    mentioned: set[str] = set()
    front = [_describe(o, mentioned, details=True) for o in nearest_first[:front_count]]
    back = [_describe(o, mentioned, details=True) for o in nearest_first[front_count:]]

    setting = SETTINGS[scene.setting]
    subject = f'{front[0]} next to {_join(front[1:])}' if front[1:] else front[0]
    opening = stream.pick(('', '', 'there is '))
    place = f'{setting.ground_phrase} {setting.backdrop_phrase}'
    if not back:
        return f'{opening}{subject} {place}'
    if stream.uniform() < 0.5:
        return f'{opening}{subject} {setting.ground_phrase}, with {_join(back)} behind, ' + (
            setting.backdrop_phrase
        )
    return f'{opening}{subject} in front of {_join(back)}, {place}'


def _short_caption(scene: Scene, stream: RandomStream) -> str:
    largest_first = sorted(scene.objects, key=lambda o: -o.image_height)
    mentioned: set[str] = set()
    phrases = [_describe(o, mentioned, details=False) for o in largest_first[:_SHORT_MENTIONS]]
    place = stream.pick((SETTINGS[scene.setting].ground_phrase,) * 2 + ('outside',))
    if SETTINGS[scene.setting].has_wall and place == 'outside':
        place = SETTINGS[scene.setting].backdrop_phrase
    return f'{_join(phrases)} {place}'
