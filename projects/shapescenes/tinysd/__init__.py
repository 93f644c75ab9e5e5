"""TinySD: pretrain, evaluate and prepare a small latent diffusion model of ShapeScenes."""
