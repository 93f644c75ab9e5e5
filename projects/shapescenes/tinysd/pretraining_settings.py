"""Settings of TinySD's pretraining."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PretrainingSettings:
    """Settings of a pretraining run.

    Attributes:
        out (str): Folder of the run.
        scenes (int): Number of training scenes.
        size (int): Their height and width in pixels, a multiple of 64.
        autoencoder_steps (int): Steps of the first stage.
        autoencoder_batch_size (int): Images per step of the first stage.
        autoencoder_learning_rate (float): Its learning rate between warm-up and decay.
        steps (int): Steps of the second stage.
        batch_size (int): Latents per step of the second stage.
        learning_rate (float): Its learning rate between warm-up and decay.
        mixed_precision (str): ``no`` or ``bf16``, for the second stage.
        seed (int): Seed of weights and batches.
        workers (int): Processes that render scenes; 0 renders in the calling process.
        device (str): Device of the training.
        checkpoint_every (int): Steps between checkpoints and samples.
        overwrite (bool): Discard an earlier run, but keep its rendered scenes.
    """

    out: str
    scenes: int = 20_000
    size: int = 128
    autoencoder_steps: int = 1500
    autoencoder_batch_size: int = 16
    autoencoder_learning_rate: float = 1e-3
    steps: int = 7000
    batch_size: int = 32
    learning_rate: float = 1e-3
    mixed_precision: str = 'no'
    seed: int = 0
    workers: int = 0
    device: str = 'cpu'
    checkpoint_every: int = 500
    overwrite: bool = False

    def __post_init__(self) -> None:
        # Imported here, so that tools print their help without importing torch.
        from mmtadp.utils.errors import RunError

        from .stage import check_at_least

        counts = ('scenes', 'autoencoder_steps', 'autoencoder_batch_size', 'steps', 'batch_size')
        least = dict.fromkeys((*counts, 'checkpoint_every'), 1)
        check_at_least(self, {**least, 'seed': 0, 'workers': 0})
        if self.size < 64 or self.size % 64:
            raise RunError(f'--size is {self.size}; expected a multiple of 64.')
