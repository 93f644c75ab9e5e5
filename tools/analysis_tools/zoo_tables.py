"""Write the tables of configs/tadp/README.md from its metafiles.

    python tools/analysis_tools/zoo_tables.py

A table stands between ``<!-- zoo: METAFILE -->`` and ``<!-- /zoo -->``, and has one row per model.
Numbers that the paper's authors report are in other columns than those that this project measured.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, existing_file  # noqa: E402

README = Path(__file__).resolve().parents[2] / 'configs' / 'tadp' / 'README.md'
TABLE = re.compile(r'(<!-- zoo: (\S+) -->\n).*?(<!-- /zoo -->)', re.DOTALL)
NOTHING = '—'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Write the tables of a README from the metafiles next to it.')
    parser.add_argument(
        'readme', nargs='?', type=existing_file, default=README, help='file (default: %(default)s)'
    )
    return parser


def fill(readme: Path) -> str:
    """Return the text of a README with its tables made again from its metafiles."""
    import yaml

    def table(match: re.Match) -> str:
        metafile = yaml.safe_load((readme.parent / match[2]).read_text(encoding='utf-8'))
        return f'{match[1]}{make_table(metafile["Models"])}{match[3]}'

    return TABLE.sub(table, readme.read_text(encoding='utf-8'))


def make_table(models: list[dict[str, Any]]) -> str:
    """Return a Markdown table with one row per model.

    Args:
        models (list[dict]): ``Models`` of a metafile. ``Metadata`` has Prompt, Captions,
            Parameters and FLOPs. A metric whose name ends in "reported)" is the authors'.
    """
    results = [_results(model) for model in models]
    names = list(dict.fromkeys(name for result in results for name in result))
    reported = [name for name in names if name[1]]
    measured = [name for name in names if not name[1]]
    head = ['config', 'prompt', 'captions', 'params (M)', 'FLOPs (G)']
    head += [f'reported {name}' for name, _ in reported]
    head += [f'measured {name}' for name, _ in measured] or ['measured']
    rows = [[*head, 'download'], ['---'] * (len(head) + 1)]
    for model, result in zip(models, results):
        data = model['Metadata']
        weights = model.get('Weights')
        rows.append(
            [
                f'[`{model["Name"]}`]({Path(model["Config"]).name})',
                data['Prompt'],
                data['Captions'],
                f'{data["Parameters"] / 1e6:.1f}',
                f'{data["FLOPs"] / 1e9:.0f}',
                *(str(result.get(name, NOTHING)) for name in reported),
                *(str(result.get(name, NOTHING)) for name in measured or [None]),
                f'[model]({weights})' if weights else NOTHING,
            ]
        )
    return ''.join(f'| {" | ".join(row)} |\n' for row in rows)


def _results(model: dict[str, Any]) -> dict[tuple[str, bool], float]:
    """Return the metrics of a model by their name and whether the authors report them."""
    results = model.get('Results', [])
    found = {}
    for result in results:
        for name, value in result['Metrics'].items():
            by_authors = name.endswith('reported)')
            name = re.sub(r',? ?reported\)$', ')', name).replace(' ()', '')
            # Several datasets are tested at once.
            name = f'{name}, {result["Dataset"]}' if len(results) > 1 else name
            found[name, by_authors] = value
    return found


def write_tables(readme: Path) -> None:
    """Write the tables of a README, and print whether they have changed.

    Raises:
        RunError: If a metafile is not YAML, or lacks an entry.
    """
    import yaml

    from mmtadp.utils.atomic_files import write_text
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.text_files import read_text

    before = read_text(readme)
    try:
        text = fill(readme)
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise RunError(
            f'a metafile that {readme} names is not one: {type(error).__name__}: {error}'
        ) from error
    if text != before:
        write_text(readme, text)
    print(f'{readme}: {"tables written" if text != before else "tables are up to date"}')


def main() -> int:
    """Write the tables, and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: write_tables(Path(args.readme)))


if __name__ == '__main__':
    sys.exit(main())
