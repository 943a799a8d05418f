"""Venues through ccxt.pro: sockets, signatures and error texts on one side, the quoter's vocabulary on the other."""
