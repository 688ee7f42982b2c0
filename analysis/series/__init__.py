"""What every analysis shares: validity, baselines, sequential tests, events, change points, forecasts."""
