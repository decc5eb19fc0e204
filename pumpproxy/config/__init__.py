"""The configuration file: text to `model.Config`, every problem at once, and what a reload changes.

`load` reads, in this order: `text` (bytes to lines), `ini` (lines to entries), `sections` (entries to values, by
`schema`), `frontends` and `backends` (values to the model), `crosscheck` (sections against each other). `diff`
compares two configurations; `reference` writes the documentation. May not: apply anything.
"""
