"""What calls cost, from the price list that comes with genai-prices; nothing is fetched."""

from __future__ import annotations


def cost_usd(provider: str, model: str, input_tokens: int, output_tokens: int) -> float:
    """0 where the model is not in the list, as with one that runs on one's own machine."""
    if provider == "none" or not (input_tokens or output_tokens):
        return 0.0
    # Here, not above: the list is large, and who works without a model need not hold it.
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        return float(calc_price(usage, model_ref=model, provider_id=provider).total_price)
    except LookupError:
        return 0.0
