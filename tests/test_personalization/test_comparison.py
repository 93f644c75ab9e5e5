import pytest

from mmtadp.personalization import TextualInversion, compare_prompts, personalize
from mmtadp.utils.errors import RunError


def test_a_token_fits_its_image(inversion, photo, tiny_pipeline):
    settings = inversion(images=str(photo), steps=10, learning_rate=5e-2, flip=0)
    file = str(personalize(TextualInversion, settings).result)
    prompts = ['', 'a dog', 'a <night> style image']
    null, dog, token = compare_prompts(
        str(photo), prompts, str(tiny_pipeline), learned_embeds=[file], resolution=32, draws=16
    )
    assert (null.difference, null.error) == (0, 0)
    assert token.loss < min(null.loss, dog.loss)
    assert token.difference == pytest.approx(token.loss - null.loss, abs=1e-6)


def test_errors(photo, tiny_pipeline):
    with pytest.raises(RunError, match="learned_embeds='/no' is not a file"):
        compare_prompts(str(photo), [''], str(tiny_pipeline), learned_embeds=['/no'])
    with pytest.raises(RunError, match="unet='/no' does not exist"):
        compare_prompts(str(photo), [''], str(tiny_pipeline), unet='/no')
