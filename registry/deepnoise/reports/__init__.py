"""The report: one HTML page that opens anywhere, asks no server for anything, and can be handed to a colleague.

`deepnoise.reports.page` writes it and `deepnoise.reports.assembly` says of what. Most further modules make one
section of plain data each, a `deepnoise.reports.section.Section`, so that it can be looked at alone and another
be added.
"""
