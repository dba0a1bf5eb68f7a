"""Operations of callers within a scope, independent of HTTP, API version and store."""
