"""Parameters of models measured on recordings: volatility, fill intensity, arrivals, queues, regimes; and realism."""
