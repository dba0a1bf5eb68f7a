"""The configuration: options, their values, reading, search paths, removed and misspelt options."""
