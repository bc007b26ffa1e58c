"""A local Microsoft: Entra sign-in and Microsoft Graph over real HTTPS on loopback.

Purpose: the demo, drills and tests talk to this process exactly as they would talk to Microsoft; only host names differ.
Promise: what a client sees (statuses, headers, bodies, tokens, paging, throttling) follows the published behaviour, and
every failure worth telling apart can be produced by name.
Must not know: anything of the project around it. It is started as a process (``python -m simulator``) and nobody imports it.
"""
