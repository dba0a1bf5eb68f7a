"""WHAT A CALLER MAY DO: every operation works within a scope and knows no HTTP, no version and no engine."""
