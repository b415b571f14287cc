"""The web page for administrators: what the command line does, in a browser.

It has no rights of its own. Whoever logs in does so with the account of the operations broker, over one connection of
that browser session; all that a page does goes over it, through ``bridge.admin``. Nothing else of the bridge is called.
"""
