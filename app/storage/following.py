"""What follows a report: the records that name it by the id which it has here, and by its origin.

The rule here: an id alone names no report. Whoever reuses the id of somebody's report takes away nothing that was said
of it, and gets none of it for its own.
"""

from sqlalchemy import and_, select

from app.storage.tables import records

REPORT = records.alias("report")
# The join of a record with the report that it speaks of.
FOLLOWS = and_(REPORT.c.id == records.c.subject, REPORT.c.origin == records.c.subject_origin)
# The same, where only the record is read.
FOLLOWS_ONE = select(REPORT.c.id).where(FOLLOWS).correlate(records).exists()
