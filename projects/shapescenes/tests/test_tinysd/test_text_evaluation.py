import pytest
import torch

from projects.shapescenes.tinysd.text_evaluation import (
    AttentionShares,
    CaptionLosses,
    attention_shares,
    caption_losses,
    long_caption,
)


@pytest.fixture(scope='module')
def folder(whole_run):
    return whole_run.out + '/tinysd'


def test_losses(folder):
    first = caption_losses(folder, count=3, draws=2, seeds=2)
    assert first.losses.shape == (2, 3, 3)
    # An untrained U-Net predicts nothing: the loss is about the noise's variance.
    assert first.means['none'] == pytest.approx(1, abs=0.3)
    # The same noise for all kinds, other noise for each seed; a scene's does not depend on count.
    assert torch.equal(caption_losses(folder, 3, 2, 1).losses[0], first.losses[0])
    assert not torch.equal(first.losses[0], first.losses[1])
    spread = first.losses[:, :, 0] - first.losses[:, :, 2]
    assert 0 < spread.abs().max() < 0.1


def test_difference():
    losses = torch.tensor([[[0.1, 0.2, 0.4]], [[0.1, 0.4, 0.4]]])
    mean, spread = CaptionLosses(losses).difference('none', 'right')
    assert mean == pytest.approx(0.2) and spread == pytest.approx(0.1414, abs=1e-4)


def test_attention(folder):
    shares = attention_shares(folder, count=3)
    assert 3 <= len(shares.mass) == len(shares.area)
    # Nothing has been learned, so attention is nearly even.
    assert shares.ratio == pytest.approx(1, abs=0.1)
    assert (shares.area < 0.5).all()
    assert AttentionShares(torch.tensor([0.4, 0.2]), torch.tensor([0.1, 0.1]), 2).ratio == 3


def test_captions_are_the_long_ones():
    assert len(long_caption(0).split()) > 8
    assert long_caption(0) != long_caption(1)
