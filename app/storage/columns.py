"""Column types that mean the same on SQLite and PostgreSQL.

The rule here: a value comes back as the domain value that went in. Times are whole microseconds since 1970 on both
databases, so that no driver's time zone or rounding can touch them.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, ColumnElement, LargeBinary, Text, any_, literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Count the microseconds from 1970 to an aware time."""
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Give the aware UTC time of a count of microseconds."""
    return EPOCH + timedelta(microseconds=count)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Write an aware time."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Read an aware time."""
        return None if value is None else from_microseconds(value)


class Id(TypeDecorator[UUID]):
    """A UUID: `uuid` on PostgreSQL, 16 bytes on SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | bytes | None:
        """Write a UUID."""
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: UUID | bytes | None, dialect: Dialect) -> UUID | None:
        """Read a UUID."""
        return UUID(bytes=value) if isinstance(value, bytes) else value


class Document(TypeDecorator[Any]):
    """A small JSON document, kept as text: nothing in the database looks inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write a document."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read a document."""
        return None if value is None else msgspec.json.decode(value)


def one_of(column: ColumnElement[Any], values: Collection[Any], dialect_name: str) -> ColumnElement[bool]:
    """Say that a column has one of many values: on PostgreSQL as one array, so that it is one statement for any number.

    On SQLite at most as many as a statement has parameters.
    """
    if dialect_name == "postgresql":
        return column == any_(literal(list(values), ARRAY(column.type)))
    return column.in_(values)
