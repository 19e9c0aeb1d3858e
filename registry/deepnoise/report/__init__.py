"""The report: one HTML page that opens anywhere, asks no server for anything, and can be handed to a colleague.

`deepnoise.report.page` puts it together. Each further module makes one section of plain data, so that a section can be
looked at alone and another be added: it returns a `deepnoise.report.section.Section`.
"""
