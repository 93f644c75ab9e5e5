import json
import re
from pathlib import Path

from projects.shapescenes.tinysd.tinysd_card import write_tinysd_card


def test_card_says_what_was_measured(whole_run):
    folder = Path(whole_run.out) / 'tinysd'
    write_tinysd_card(folder, whole_run, count=2)
    figures = json.loads((folder / 'evaluation.json').read_text())
    assert figures['scenes'] == 2 and figures['seeds'] == 3
    # An autoencoder of two steps keeps the principal components, but cannot draw.
    assert 3 < figures['psnr'] < 15
    card = (folder / 'README.md').read_text()
    assert f'{figures["loss"]["right"]:.5f}' in card
    assert '| autoencoder | 2 | 2 | 0.0' in card and '| U-Net and text encoder | 4 | 2 |' in card
    total, *parts = (
        int(number.replace(',', ''))
        for number in re.search(
            r'([\d,]+) parameters \(U-Net ([\d,]+), text encoder ([\d,]+), autoencoder ([\d,]+)\)',
            card,
        ).groups()
    )
    assert total == sum(parts) and 5e6 < total < 6e6
    assert (folder / 'samples.png').stat().st_size > 1000
