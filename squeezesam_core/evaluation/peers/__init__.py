"""Other people's models, run on the same photos by the same protocols. Their files are fetched, never shipped."""
