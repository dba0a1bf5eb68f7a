"""Documents that the original service left: reading them where they are, putting them right, taking them over."""
