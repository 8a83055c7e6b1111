"""The SDK that a partner imports: it signs locally and talks HTTP to one node.

The rule here: secrets are in no message and no `repr`; and a partner's signing key never leaves its process.
"""

from app.client.asynchronous import AsyncClient
from app.client.blocking import Client
from app.client.pacing import Pacing
from app.client.problems import ClientError, NetworkError, ProblemError, ProtocolError
from app.client.signer import LocalSigner, Mark, Signed, new_mark, read_seed

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "LocalSigner",
    "Mark",
    "NetworkError",
    "Pacing",
    "ProblemError",
    "ProtocolError",
    "Signed",
    "new_mark",
    "read_seed",
]
