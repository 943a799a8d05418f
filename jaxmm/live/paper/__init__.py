"""The venue played by our own rules: paper trading on live data, and replays of recorded days in virtual time."""
