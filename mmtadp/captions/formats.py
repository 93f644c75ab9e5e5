"""Read caption files: JSON in one of four schemas."""

import difflib
import json
import os
import reprlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from mmtadp.utils.errors import RunError
from mmtadp.utils.file_kinds import describe_text

SCHEMAS = """Accepted schemas:
  {"IMAGE": {"captions": ["a dog", ...], "class_label": 3}}  (class_label may be left out)
  {"IMAGE": "a dog"}
  {"IMAGE": ["a dog", ...]}
  COCO captions: {"images": [{"id": 1, "file_name": "1.jpg"}, ...],
                  "annotations": [{"image_id": 1, "caption": "a dog"}, ...]}"""
# Names in the records of other tools' lists, one image per record.
_IMAGE_FIELDS = frozenset(
    ('file', 'file_name', 'filename', 'id', 'image', 'image_id', 'image_path', 'img', 'path')
)
_CAPTION_FIELDS = frozenset(('caption', 'captions', 'text'))


class CaptionFileError(RunError):
    """A caption file that cannot be used as it is."""


class Entry(NamedTuple):
    """An image's entry in a caption file.

    Attributes:
        captions (tuple[str, ...]): Distinct captions, in order; a blank one is ``''``.
        class_label (int | None): The label, which the authors' files have.
        repeated (int): How many captions equal an earlier one of the same image.
    """

    captions: tuple[str, ...]
    class_label: int | None = None
    repeated: int = 0

    def as_json(self) -> dict:
        """Return the entry in the authors' schema."""
        label = {} if self.class_label is None else dict(class_label=self.class_label)
        return dict(captions=list(self.captions), **label)


def read_caption_file(path: str) -> dict[str, tuple[str, ...]]:
    """Return the captions of a file by image key; see :func:`read_entries`."""
    return {key: entry.captions for key, entry in read_entries(path).items()}


def read_entries(path: str) -> dict[str, Entry]:
    """Read a caption file.

    Captions lose the white space at their ends (COCO's often end in a line break) and repeated
    equal captions of an image count once: a quarter of the authors' VOC entries are pairs of
    equal strings. ``class_label`` is an integer; other members of an entry are not read.

    Args:
        path (str): A JSON file in one of the schemas of :data:`SCHEMAS`.

    Returns:
        dict[str, Entry]: Entries by image key, keys as written in the file.

    Raises:
        FileNotFoundError: If ``path`` is not a file; the message lists similar names.
        CaptionFileError: If the file is not JSON or has another schema.
    """
    data = _read_json(path)
    if not isinstance(data, dict):
        raise CaptionFileError(f'{path}: found {show(data)}, not an object of images.\n{SCHEMAS}')
    if _is_record(data):
        raise CaptionFileError(
            f'{path}: found one record of a list, {show(data)}, not an object of images. Write '
            f'one object of all images and captions; convert JSON Lines first.\n{SCHEMAS}'
        )
    if _is_coco(data):
        data = _coco_entries(data, path)

    entries, problems = {}, []
    for key, value in data.items():
        texts, problem = _entry_captions(value)
        label = value.get('class_label') if isinstance(value, dict) else None
        problem = _key_problem(key) or problem or _label_problem(label)
        if problem:
            problems.append((key, problem))
        else:
            distinct = tuple(dict.fromkeys(map(str.strip, texts))) or ('',)
            entries[key] = Entry(distinct, label, max(0, len(texts) - len(distinct)))
    if problems:
        key, problem = problems[0]
        raise CaptionFileError(
            f'{path}: wrong schema at key {key!r}: {problem}{and_more(problems)}.\n{SCHEMAS}'
        )
    if not entries:
        raise CaptionFileError(f'{path}: holds no captions.\n{SCHEMAS}')
    return entries


def show(value: Any) -> str:
    """Return the type of a JSON value and the start of its text."""
    return f'{type(value).__name__} {reprlib.repr(value)}'


def and_more(items: list) -> str:
    """Return how many items follow the first one, as the end of a sentence."""
    return f' (and {len(items) - 1:,} more like it)' if len(items) > 1 else ''


def _entry_captions(entry: Any) -> tuple[list[str], str | None]:
    """Return the captions of one entry, and the problem if it has one."""
    if isinstance(entry, str):
        entry = [entry]
    elif isinstance(entry, dict):
        if 'captions' not in entry:
            return [], f'found {show(entry)} without "captions"'
        entry = entry['captions']
        # A string here is not accepted: read as a list it is a list of letters.
        if not isinstance(entry, list):
            return [], f'"captions" is {show(entry)}, not a list of strings'
    if not isinstance(entry, list):
        return [], f'found {show(entry)}'
    for index, text in enumerate(entry):
        if not isinstance(text, str):
            return [], f'caption {index} is {show(text)}, not a string'
        if has_half_surrogate(text):
            return [], f'caption {index} holds half a surrogate pair: {text!a}'
    return entry, None


def has_half_surrogate(text: str) -> bool:
    """Return whether a text of JSON holds half a surrogate pair, which no file can hold."""
    return not text.isascii() and any('\ud800' <= char <= '\udfff' for char in text)


def _key_problem(key: str) -> str | None:
    if not key:
        return 'the key is empty'
    return 'the key holds half a surrogate pair' if has_half_surrogate(key) else None


def _label_problem(label: Any) -> str | None:
    # A bool is an int to Python, not to JSON.
    if label is None or (isinstance(label, int) and not isinstance(label, bool)):
        return None
    return f'"class_label" is {show(label)}, not an integer'


def _is_record(data: dict) -> bool:
    # Entries of images that are called "image" and "caption" hold "captions".
    fields = [*(_IMAGE_FIELDS & data.keys()), *(_CAPTION_FIELDS & data.keys())]
    return (
        not _IMAGE_FIELDS.isdisjoint(data)
        and not _CAPTION_FIELDS.isdisjoint(data)
        and not any(isinstance(data[name], dict) for name in fields)
    )


def _is_coco(data: dict) -> bool:
    # An image may be called "images": its entry would be a list of strings.
    images, annotations = data.get('images'), data.get('annotations')
    return (
        isinstance(images, list)
        and isinstance(annotations, list)
        and not any(isinstance(item, str) for item in images[:1] + annotations[:1])
    )


def _coco_entries(data: dict, path: str) -> dict[str, list[str]]:
    names = {}
    for index, image in enumerate(data['images']):
        if (
            not isinstance(image, dict)
            or not _is_id(image.get('id'))
            or not isinstance(image.get('file_name'), str)
        ):
            raise CaptionFileError(
                f'{path}: images[{index}] is {show(image)}, without an "id" or a "file_name".'
                f'\n{SCHEMAS}'
            )
        if names.setdefault(image['id'], image['file_name']) != image['file_name']:
            raise CaptionFileError(
                f'{path}: images[{index}] repeats id {image["id"]!r}, which is '
                f'{names[image["id"]]!r} already, as {image["file_name"]!r}.'
            )
    if len(set(names.values())) < len(names):
        seen = set()
        repeated = [name for name in names.values() if name in seen or seen.add(name)]
        raise CaptionFileError(
            f'{path}: file_name {repeated[0]!r} belongs to more than one id'
            f'{and_more(repeated)}; give each image one id.'
        )

    entries = {}
    for index, annotation in enumerate(data['annotations']):
        if not isinstance(annotation, dict) or not {'image_id', 'caption'} <= annotation.keys():
            raise CaptionFileError(
                f'{path}: annotations[{index}] is {show(annotation)}, without "image_id" or '
                f'"caption": is this the captions file, not the instances?\n{SCHEMAS}'
            )
        image_id = annotation['image_id']
        if not _is_id(image_id) or image_id not in names:
            raise CaptionFileError(
                f'{path}: annotations[{index}] has image_id {image_id!r}, which is not in '
                '"images".'
            )
        entries.setdefault(names[image_id], []).append(annotation['caption'])
    return entries


def _is_id(value: Any) -> bool:
    # True equals 1.
    return isinstance(value, int | str) and not isinstance(value, bool)


def _read_json(path: str) -> Any:
    if not os.path.isfile(path):
        raise FileNotFoundError(_not_found(path))

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        # json keeps the last of two equal keys without an error.
        entries = dict(pairs)
        if len(entries) < len(pairs):
            for key, value in pairs:
                if entries[key] != value:
                    raise CaptionFileError(
                        f'{path}: key {key!r} is given twice, with {show(value)} and with '
                        f'{show(entries[key])}; keep one.'
                    )
        return entries

    try:
        # utf-8-sig: some Windows editors start a file with a byte order mark.
        with open(path, encoding='utf-8-sig') as file:
            return json.load(file, object_pairs_hook=unique)
    except CaptionFileError:
        raise
    except json.JSONDecodeError as error:
        raise CaptionFileError(_not_json(path, error)) from error
    except UnicodeDecodeError as error:
        raise CaptionFileError(
            f'{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8.'
        ) from error
    except RecursionError as error:
        raise CaptionFileError(
            f'{path}: lists or objects are nested too deeply to be read.\n{SCHEMAS}'
        ) from error
    except ValueError as error:  # Of int(), which limits the number of digits.
        raise CaptionFileError(
            f'{path}: an integer has too many digits to be read.\n{SCHEMAS}'
        ) from error


def _not_json(path: str, error: json.JSONDecodeError) -> str:
    kind = describe_text(error.doc[:512].encode(), os.path.getsize(path))
    if kind is not None and kind.what.startswith(('is a Git LFS pointer', 'is a web page')):
        return f'{path} {kind.what}. {kind.remedy}.'
    lines = ' (one object for all images, not one a line)' if error.msg == 'Extra data' else ''
    return (
        f'{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}{lines}.\n'
        f'{SCHEMAS}'
    )


def _not_found(path: str) -> str:
    message = f'caption file not found: {path}'
    if os.path.isdir(path):
        return f'{message} is a folder{_json_files(os.listdir(path))}.'
    if os.path.exists(path):
        return f'{message} is a pipe or a device, not a file.'
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return f'{message}. The path exists up to {folder} only.'
    names = os.listdir(folder)
    similar = difflib.get_close_matches(name, names, n=3)
    if similar:
        return f'{message}. Similar names there: {", ".join(similar)}.'
    return f'{message}. The folder exists{_json_files(names)}.'


def _json_files(names: Iterable[str]) -> str:
    found = sorted(name for name in names if name.endswith('.json'))
    if not found:
        return ' and holds no .json file'
    return f' and holds {", ".join(found[:5])}{", ..." if len(found) > 5 else ""}'
