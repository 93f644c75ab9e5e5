"""VPD's text adapter."""

from typing import Optional

import torch
from torch import Tensor, nn


class TextAdapter(nn.Module):
    """``C + gamma * MLP(C)``: a learned correction of the prompt (VPD; TA in the paper's tables).

    Args:
        dim (int): Width D of the prompt.
        hidden_dim (int, optional): Width between the two linear layers. Defaults to ``dim``.
        gamma (float): What gamma starts from, for every channel. Defaults to 1e-4.
    """

    def __init__(self, dim: int, hidden_dim: Optional[int] = None, gamma: float = 1e-4) -> None:
        super().__init__()
        hidden_dim = hidden_dim or dim
        self.mlp = nn.Sequential(nn.Linear(dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, dim))
        self.gamma = nn.Parameter(torch.full((dim,), gamma))

    def forward(self, prompt: Tensor) -> Tensor:
        """
        Args:
            prompt (Tensor): (N, T, D).

        Returns:
            Tensor: (N, T, D).
        """
        return prompt + self.gamma * self.mlp(prompt)
