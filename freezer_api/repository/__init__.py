"""HOW documents are kept: the promise (``protocol``), what can be asked (``query``), and the drivers."""
