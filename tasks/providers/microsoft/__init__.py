"""The one road to Microsoft: Entra sign-in and Microsoft Graph.

Purpose: everything that speaks to Microsoft lives here. Nothing else in the project imports httpx or msal, spells a Graph path or
reads a Microsoft error number.
Promise: what leaves this folder is plain data, reason codes and sentences of ours.
"""
