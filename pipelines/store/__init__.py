"""Where bytes lie: addresses, and the stores behind them."""
