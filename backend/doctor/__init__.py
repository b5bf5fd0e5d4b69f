"""`squeezesam doctor`: what is wrong with an installation, its settings, Label Studio and a project, and the remedy.

A check is a function of what it looks at that returns findings and raises nothing. It changes nothing either.
"""
