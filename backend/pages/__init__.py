"""Pages for people, self-contained: no scripts, nothing loaded from elsewhere."""
