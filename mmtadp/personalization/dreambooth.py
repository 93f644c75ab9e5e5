"""DreamBooth (Ruiz et al. 2022): tune the U-Net so that a rare word means the domain."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from mmtadp.models.diffusion.denoising import denoising_losses
from mmtadp.utils.atomic_files import write_file, write_folder
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderLock

from .concept import Concept
from .images import ImagePool
from .settings import PersonalizationSettings


@dataclass(frozen=True, kw_only=True)
class DreamBoothSettings(PersonalizationSettings):
    """Settings of the paper (Tab. S4 c), without prior preservation as in its Sec. D.1.

    Attributes:
        prompt (str): Caption of all images, with a rare word that comes to mean them.
        class_prompt (str, optional): Adds the loss of prior preservation, on images
            that the model itself generates for this caption.
        class_images (int): Number of these images.
        class_folder (str, optional): Their folder; ``class_images`` in ``out`` if None.
            Missing images are generated.
        prior_weight (float): Weight of their loss.
    """

    prompt: str = 'an image in sks style'
    class_prompt: str | None = None
    class_images: int = 200
    class_folder: str | None = None
    prior_weight: float = 1.0
    steps: int = 1000
    learning_rate: float = 5e-6
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check('class_images', 1)
        self._check('prior_weight', 0)
        if not self.prompt.strip():
            raise RunError(
                "--prompt is empty; expected a caption such as 'an image in sks style'."
            )
        if self.class_folder is not None and self.class_prompt is None:
            raise RunError('--class-folder needs --class-prompt, the caption of its images.')

    def identity(self) -> dict:
        identity = super().identity()
        del identity['class_folder']
        return identity


class DreamBooth(Concept):
    """Tune the U-Net; text encoder and autoencoder do not change.

    Args:
        settings (DreamBoothSettings): The settings.
        accelerator (Accelerator): accelerate's.

    Raises:
        RunError: See :class:`.concept.Concept`.
    """

    settings: DreamBoothSettings

    def __init__(self, settings: DreamBoothSettings, accelerator) -> None:
        super().__init__(settings, accelerator)
        self.module = self.model.unet.to(accelerator.device)
        self.class_pool = None
        if settings.class_prompt is not None:
            self.class_pool = self._make_class_images()
        self.module.requires_grad_(True).train()
        if settings.gradient_checkpointing:
            self.module.enable_gradient_checkpointing()

    def loss(self, numbers: list[int]) -> Tensor:
        loss = self._loss(self.pool, numbers, self.settings.prompt)
        if self.class_pool is None:
            return loss
        prior = self._loss(self.class_pool, numbers, self.settings.class_prompt)
        return loss + self.settings.prior_weight * prior

    def save(self, out: Path) -> Path:
        unet = self.accelerator.unwrap_model(self.prepared)
        write_folder(out / 'unet', unet.save_pretrained)
        return out / 'unet'

    def usage(self, result: Path) -> str:
        return (
            f"In a config: model = dict(backbone=dict(unet='{result}'))\n"
            "and in the pipelines: dict(type='mmtadp.DomainModifier', "
            "template='a sks style painting of {caption}'), with the words of --prompt "
            f'({self.settings.prompt!r}) that name the domain'
        )

    def _loss(self, pool: ImagePool, numbers: list[int], prompt: str) -> Tensor:
        latents, noise, timesteps = self._draw(pool, numbers)
        prompts = self.encoder([prompt] * len(numbers)).to(latents)
        with self.accelerator.autocast():
            losses = denoising_losses(
                self.prepared, self.scheduler, latents, noise, timesteps, prompts
            )
        return losses.mean()

    def _make_class_images(self) -> ImagePool:
        settings, accelerator = self.settings, self.accelerator
        folder = Path(settings.class_folder or Path(settings.out) / 'class_images')
        paths = [folder / f'{index:05d}.png' for index in range(settings.class_images)]
        own = range(accelerator.process_index, len(paths), accelerator.num_processes)
        missing = [index for index in own if not paths[index].exists()]
        if settings.class_folder and folder.is_dir():
            # A folder of the user's own images, if there are enough of them.
            found = sum(path.suffix in ('.png', '.jpg', '.jpeg') for path in folder.iterdir())
            missing = [] if found >= len(paths) else missing
        main = accelerator.is_main_process
        with FolderLock(folder) if missing and main else nullcontext():
            for index in tqdm(missing, desc='class images', disable=not main):
                (image,) = self.sample([settings.class_prompt], [settings.seed + index])
                write_file(paths[index], image.save)
        accelerator.wait_for_everyone()
        return self._pool(str(folder))
