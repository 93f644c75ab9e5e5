"""Clean a caption file with a language model; a run may be interrupted and continued."""

from collections.abc import Callable

from tqdm import tqdm

from mmtadp.captions import Derived, ResultFiles, derive_file, read_caption_file
from mmtadp.captions.write import source_provenance
from mmtadp.utils.resumable import check_same_settings

from ..journal import Journal
from .budget import Budget
from .language_model import CleanedCaptions, LanguageModelCleaner

_REQUESTS = 'requests.jsonl'


def clean_with_model(
    source: str,
    out: str,
    settings: dict,
    make_cleaner: Callable[[Budget], LanguageModelCleaner],
    caps: dict,
    if_empty: str = '',
    overwrite: bool = False,
) -> tuple[Derived, CleanedCaptions]:
    """Clean a file, each distinct caption once.

    A folder next to ``out`` holds cleaned captions and spent tokens until ``out`` is written; the
    same call continues after an interruption or an error.

    Args:
        source (str): A caption file of any schema.
        out (str): The file to write, in the authors' schema.
        settings (dict): Settings that the result depends on; a continued run must share them.
        make_cleaner (Callable): Makes the cleaner, given the budget.
        caps (dict): Arguments of :class:`Budget` other than the path; may change.
        if_empty (str): Replaces captions that mention nothing but the style. Defaults to the empty
            caption.
        overwrite (bool): Whether to start again, and whether ``out`` may exist. Defaults to False.

    Returns:
        tuple: Counts of the file, and the cleaned captions.

    Raises:
        FileNotFoundError: If ``source`` does not exist.
        CaptionFileError: If ``source`` is not a caption file.
        RunError: If the user can correct the problem; the message describes how.
    """
    entries = read_caption_file(source)
    texts = dict.fromkeys(text for entry in entries.values() for text in entry if text)
    digest = {name: source_provenance(source)[name] for name in ('file', 'sha256')}
    journal = Journal(ResultFiles(out).journal)
    journal.claim()
    try:
        _open(journal, out, {**settings, **digest}, overwrite)
        budget = Budget(journal.folder / _REQUESTS, **caps)
        cleaner = make_cleaner(budget)
        done = len(CleanedCaptions.read(journal).captions)
        with tqdm(total=len(texts), initial=done, unit='caption', disable=None) as bar:
            for batch in cleaner.run(list(texts), journal):
                bar.update(len(batch.captions))
        result = CleanedCaptions.read(journal)
        result.captions = {'': ''} | {text: result.captions[text] or if_empty for text in texts}
        settings = {
            **settings,
            'if_empty': if_empty,
            'tokens': [budget.tokens_in, budget.tokens_out],
            'by_rules': result.by_rules,
        }
        derived = derive_file(source, out, settings, result.captions.__getitem__, overwrite=True)
        journal.close()
        journal.remove()
    finally:
        journal.close()
        journal.unclaim()
    return derived, result


def _open(journal: Journal, out: str, settings: dict, overwrite: bool) -> None:
    if journal.folder.is_dir() and not overwrite:
        check_same_settings(settings, journal.settings(), str(journal.folder))
    else:
        ResultFiles.new(out, overwrite)
        journal.create(settings)
    journal.open(0)
