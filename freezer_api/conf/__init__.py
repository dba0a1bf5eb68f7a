"""The configuration: options, reading, search paths, removed and misspelt options."""
