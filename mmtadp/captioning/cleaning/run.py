"""Cleaning a caption file with a language model, interrupted or not."""

from collections.abc import Callable

from tqdm import tqdm

from mmtadp.captions.derive import Derived, derive_file, free_files
from mmtadp.captions.formats import read_caption_file
from mmtadp.captions.merge import origin
from mmtadp.captions.write import ResultFiles
from mmtadp.utils.resumable import check_same_settings

from ..journal import Journal
from .budget import Budget
from .language_model import LanguageModelCleaner

_LEDGER = 'spent.txt'


def clean_with_model(
    source: str,
    out: str,
    settings: dict,
    make_cleaner: Callable[[Budget], LanguageModelCleaner],
    caps: dict,
    if_empty: str = '',
    overwrite: bool = False,
) -> tuple[Derived, dict[str, str], dict[str, str]]:
    """Cleans a file, each distinct caption once.

    A folder beside ``out`` holds what is done and what was spent until ``out`` is written; the
    same call continues after an interruption or an error.

    Args:
        source (str): A caption file of any schema.
        out (str): The file to write, in the authors' schema.
        settings (dict): What the result depends on; must be the same to continue.
        make_cleaner (Callable): Makes the cleaner, given the budget.
        caps (dict): Arguments of :class:`Budget` other than the path; may change.
        if_empty (str): What becomes of captions that are nothing but style.
        overwrite (bool): Whether to start anew, and whether ``out`` may exist.

    Returns:
        tuple: How it went; each distinct caption's new text; and the reason why rules made it,
        for those that the model did not clean as asked.

    Raises:
        FileNotFoundError: If there is no such source.
        CaptionFileError: If it is no caption file.
        RunError: If something is wrong that the user can put right.
    """
    texts = dict.fromkeys(t for entry in read_caption_file(source).values() for t in entry if t)
    source_digest = {name: origin(source)[name] for name in ('file', 'sha256')}
    journal = _open_journal(out, {**settings, **source_digest}, overwrite)
    try:
        budget = Budget(journal.folder / _LEDGER, **caps)
        cleaner = make_cleaner(budget)
        done = len(journal.read().captions)
        with tqdm(total=len(texts), initial=done, unit='caption', disable=None) as bar:
            for progress in cleaner.run(list(texts), journal):
                bar.update(len(progress.captions))
        result = journal.read()
    finally:
        journal.close()
    cleaned = {'': '', **{text: result.captions[text] or if_empty for text in texts}}
    settings = {
        **settings,
        'if_empty': if_empty,
        'tokens': [budget.tokens_in, budget.tokens_out],
        'by_rules': result.skipped,
    }
    derived = derive_file(source, out, settings, lambda text: cleaned[text], overwrite=True)
    journal.remove()
    return derived, cleaned, result.skipped


def _open_journal(out: str, settings: dict, overwrite: bool) -> Journal:
    journal = Journal(ResultFiles(out).journal)
    if journal.folder.is_dir():
        journal.refuse_second_run()
    if journal.folder.is_dir() and not overwrite:
        check_same_settings(settings, journal.settings(), str(journal.folder))
    else:
        free_files(out, overwrite)
        journal.create(settings)
    journal.open(0)
    return journal
