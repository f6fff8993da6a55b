"""Stories: what people expect, in their words, played over the wire against a running simulator.

Knows ARM, DNS, the app's HTTP surface and the control door as any outside tool would. Refuses to import
the product or to look into a process: everything a story shows has travelled over a socket.
"""
