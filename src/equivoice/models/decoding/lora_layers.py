"""LoRA layers that compute what peft's do in fewer passes over memory.

A linear layer with an adapter is ``x Wᵀ + s drop(x) Aᵀ Bᵀ``. peft writes the two terms,
the scaling and their sum one after the other, each into memory of its own, and so do
their gradients. Here the low-rank term is added into the result of the large product
in place, forward and backward. Values and gradients are the same but for rounding;
dropout is drawn by peft's own modules, so the masks are the same too.

Only the plain case is done this way: one active adapter without variants, a frozen
:class:`torch.nn.Linear` below it, one dtype, no autocast, nothing merged. All else
is left to peft, call by call.

This module needs torch and peft; :func:`~equivoice.models.decoding.adapter_files.inject`
imports it late.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear as PeftLinear

__all__ = ["LeanLinear", "make_lean"]


class LeanLinear(PeftLinear):
    """peft's linear layer, computed in fewer passes where the case is plain."""

    @classmethod
    def of(cls, layer: PeftLinear) -> LeanLinear:
        """A layer like another one, of which it holds the very weights, adapters and settings.

        Args:
            layer: peft's, to be put aside.
        """
        lean = cls.__new__(cls)  # a layer made anew would have weights of its own
        vars(lean).update(vars(layer))
        return lean

    def forward(self, x: torch.Tensor, *args: Any, **named: Any) -> torch.Tensor:
        """(…, out) of (…, in), as peft's layer."""
        name = None if args or named else _plain_adapter(self, x)
        if name is None:
            given: torch.Tensor = super().forward(x, *args, **named)
            return given
        down, up = self.lora_A[name].weight, self.lora_B[name].weight
        seen = self.lora_dropout[name](x)
        base = self.get_base_layer()
        # the small matrix is scaled rather than what comes of it
        up = up * self.scaling[name]
        apply: Any = _LowRank.apply
        found: torch.Tensor = apply(x, seen, base.weight, base.bias, down, up)
        return found


def make_lean(model: torch.nn.Module) -> None:
    """Have peft's linear layers of a model computed in fewer passes, in place.

    Args:
        model: with an adapter; layers of other kinds stay as they are.

    Example:
        >>> import peft
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3))
        >>> config = peft.LoraConfig(r=2, target_modules=["0"])
        >>> _ = peft.inject_adapter_in_model(config, model)
        >>> make_lean(model)
        >>> type(model[0]).__name__
        'LeanLinear'
    """
    made: dict[torch.nn.Module, LeanLinear] = {}
    # a layer that stands in several places stays one layer
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if type(module) is PeftLinear and type(module.get_base_layer()) is torch.nn.Linear:
            lean = made.setdefault(module, LeanLinear.of(module))
            model.set_submodule(name, lean)


def _plain_adapter(layer: Any, x: torch.Tensor) -> str | None:
    """The one adapter of a layer whose case is plain; ``None``: it is left to peft."""
    active = [name for name in layer.active_adapters if name in layer.lora_A]
    if layer.disable_adapters or layer.merged or len(active) != 1:
        return None
    name: str = active[0]
    base, down, up = layer.get_base_layer(), layer.lora_A[name], layer.lora_B[name]
    odd = (
        name in getattr(layer, "lora_variant", ())  # older peft has none
        or down.bias is not None
        or up.bias is not None
        or any(each.requires_grad for each in base.parameters())
        or torch.is_autocast_enabled(x.device.type)
        or not x.dtype == base.weight.dtype == down.weight.dtype
    )
    return None if odd else name


class _LowRank(torch.autograd.Function):
    """``x Wᵀ + bias + seen Aᵀ Bᵀ``; W and bias have no gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        seen: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
    ) -> torch.Tensor:
        rows, few = x.flatten(0, -2), seen.flatten(0, -2)
        out = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
        narrow = few @ down.T
        out.addmm_(narrow, up.T)
        ctx.save_for_backward(few, weight, down, up, narrow)
        # without dropout both are one tensor, whose gradient is made in one place
        ctx.one = seen is x
        # no -1: there may be no rows
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        few, weight, down, up, narrow = ctx.saved_tensors
        lead = grads[0].shape[:-1]
        grad = grads[0].flatten(0, -2)
        back = grad @ up
        of_x = of_seen = None
        if ctx.needs_input_grad[0]:
            of_x = grad @ weight
            if ctx.one:
                of_x.addmm_(back, down)
            of_x = of_x.view(*lead, weight.shape[1])
        if ctx.needs_input_grad[1] and not ctx.one:
            of_seen = (back @ down).view(*lead, down.shape[1])
        of_down = back.T @ few if ctx.needs_input_grad[4] else None
        of_up = grad.T @ narrow if ctx.needs_input_grad[5] else None
        return of_x, of_seen, None, None, of_down, of_up
