"""One certificate authority for the whole test process, set before anything imports aiohttp (which then trusts it)."""

import os
import tempfile
from pathlib import Path

from simulator.tls import Authority

AUTHORITY = Authority.make(Path(tempfile.mkdtemp(prefix="linkkeeper-tests-")) / "tls")
os.environ["SSL_CERT_FILE"] = str(AUTHORITY.ca)
