"""Facts of Stable Diffusion 1.x that files do not always hold."""

# The hub id of Stable Diffusion 1.5. The original, `runwayml/...`, no longer exists.
HUB_ID = 'stable-diffusion-v1-5/stable-diffusion-v1-5'
# Betas of the forward process, as in `v1-inference.yaml` and in the release.
NOISE_SCHEDULE = dict(
    num_train_timesteps=1000,
    beta_schedule='scaled_linear',
    beta_start=0.00085,
    beta_end=0.012,
)
