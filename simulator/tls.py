"""Knows how to make a private certificate authority for loopback, with one server certificate.

Refuses to know who uses it: the caller hands the three files to servers and clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Authority:
    """Three PEM files: the CA that clients must trust, the server's certificate chain and its key."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def make(cls, folder: Path | str) -> Authority:
        """Write a new CA and a certificate for localhost and 127.0.0.1 into the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        authority = cls(ca=folder / "ca.pem", cert=folder / "cert.pem", key=folder / "key.pem")
        root = trustme.CA(organization_name="Linkkeeper simulator")
        leaf = root.issue_cert("localhost", "127.0.0.1", common_name="localhost")
        root.cert_pem.write_to_path(authority.ca)
        leaf.private_key_pem.write_to_path(authority.key)
        authority.key.chmod(0o600)
        authority.cert.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        return authority
