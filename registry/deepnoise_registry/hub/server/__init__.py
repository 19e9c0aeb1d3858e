"""A local Hub: what the Hub's own client asks for, answered on this computer alone.

`LocalHub` of `local` serves a folder. `store` keeps repositories, `routes` says who answers which request,
`downloading` and `uploading` answer, `answers` says in what form, and `faults` spoils answers on purpose.
"""
