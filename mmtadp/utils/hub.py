"""Models of the hub as local folders, with one attempt where there is no network."""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache

from .errors import RunError
from .model_folders import choose_weights

# Seconds until a hub that does not answer counts as out of reach.
TIMEOUT = 10.0
# Files next to a model's weights: configs, tokenizer, chat template.
_SMALL = ('.json', '.txt', '.model', '.jinja')


def hub_folder(
    hub_id: str,
    source: str,
    choose: Callable[[list[str]], list[str]],
    marker: str,
    option: str,
    revision: str | None = None,
) -> tuple[Path, str | None]:
    """Return a local folder with files of a hub id: of the hub, or of the cache without a network.

    Args:
        hub_id (str): The hub id.
        source (str): The argument that names it, for messages.
        choose (Callable): Names of the repository's files to those that are needed.
        marker (str): A file that is always among them.
        option (str): How to name a folder instead, with DIR for its path, for the message.
        revision (str, optional): Branch, tag or commit.

    Returns:
        tuple[Path, str | None]: The folder and its commit.

    Raises:
        RunError: If the repository does not hold ``marker``.
        ConnectionError: If the files can neither be fetched nor are in the cache.
    """
    try:
        # One attempt. The libraries' own loaders repeat theirs for half a minute.
        info = HfApi().model_info(hub_id, revision=revision, timeout=TIMEOUT)
        names = [sibling.rfilename for sibling in info.siblings]
        if marker not in names:
            raise RunError(
                f'{source}: the repository on the hub has no {marker}, and holds '
                f'{sorted(names)[:8] or "nothing"}.'
            )
        # Not by the commit: the cache would not know it as the revision's.
        folder = snapshot_download(
            hub_id, revision=revision, allow_patterns=choose(names), etag_timeout=TIMEOUT
        )
        return Path(folder), info.sha
    except RunError:
        raise
    except Exception as error:  # of the hub's HTTP client, which is not always the same package
        cached = _cached(hub_id, marker, revision)
        if cached is not None:
            return cached, cached.name
        where = f' at revision {revision!r}' if revision else ''
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip('.')
        raise ConnectionError(
            f'{source}{where} is not a local folder or file, and cannot be fetched from the hub '
            f'({reason}).{similar_paths(hub_id)} On a machine with a network run `hf download '
            f'{hub_id} --local-dir DIR`, copy DIR here and set {option}.'
        ) from error


def _cached(hub_id: str, marker: str, revision: str | None) -> Path | None:
    try:
        found = try_to_load_from_cache(hub_id, marker, revision=revision)
    except (ValueError, OSError):  # not a hub id, or a cache that may not be read
        return None
    if not isinstance(found, str):
        return None
    return Path(found[: -len(marker)])


def model_files(names: Iterable[str], folder: str = '') -> list[str]:
    """Return the files of a model in a repository: its weights, once, and the small files.

    Args:
        names (Iterable[str]): Names of all files of the repository.
        folder (str): The folder of the model in it; empty for the repository itself.

    Returns:
        list[str]: Names with their folder.
    """
    start = f'{folder}/' if folder else ''
    here = [name[len(start) :] for name in names if name.startswith(start)]
    here = [name for name in here if '/' not in name]
    kept = [name for name in here if name.endswith(_SMALL) and '.index.' not in name]
    weights = choose_weights(here)
    if weights is not None:
        kept += filter(None, (*weights.names, weights.index))
    return [start + name for name in kept]


def similar_paths(name: str) -> str:
    """Return a sentence with the local paths whose names are most like a name, or ''."""
    path = Path(name).expanduser()
    parent = path.parent if path.parent.is_dir() else Path()
    try:
        entries = {entry.name: str(entry) for entry in parent.iterdir()}
    except OSError:
        return ''
    found = difflib.get_close_matches(path.name, entries, n=3)
    return f' Similar names: {", ".join(entries[name] for name in found)}.' if found else ''
