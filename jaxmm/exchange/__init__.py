"""What the venue does with our orders: latency, queues, fills, fees."""
