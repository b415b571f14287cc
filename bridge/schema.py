"""The tables. Times are milliseconds since 1970 UTC, JSON is kept as text; no secret stands here in clear."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)

registrations = Table(
    "registrations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("rank", Integer, nullable=False),  # the status, in the order in which people read the list
    Column("created", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("reason", Text),
    Column("name", Text),
    Column("type", Text),
    Column("group_path", Text),
    Column("properties", Text, nullable=False),
    Column("token", Text),
    Column("token_from_accept", Boolean, nullable=False),
    Column("token_is_long", Boolean, nullable=False),
    Column("auto_accept", Boolean, nullable=False),
    Column("wrong_calls", Integer, nullable=False),
    Column("failed_attempts", Integer, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("first_called", BigInteger),
    Column("last_seen", BigInteger),
    Column("token_sent", Boolean, nullable=False),
    Column("claims", Text, nullable=False),
    Column("claims_overflow", Boolean, nullable=False),
    Column("accepted_claim", Text),
    Column("seed", LargeBinary),
    Column("key_id", Text),
    Column("accepted", BigInteger),
    Column("installed", BigInteger),
    Column("answered_plain", BigInteger),
    Column("delivered", BigInteger),
    Column("confirmed", BigInteger),
    Column("bulk", Text),  # the bulk file that wrote it last, as the audit names it
    Column("folded", Text, nullable=False),  # id and name in one case, for the search
)
Index("ix_registrations_list", registrations.c.rank, registrations.c.created, registrations.c.id)
Index(
    "ix_registrations_tenant_list",
    registrations.c.tenant,
    registrations.c.rank,
    registrations.c.created,
    registrations.c.id,
)
Index(
    "ix_registrations_undelivered",
    registrations.c.installed,
    sqlite_where=text("installed IS NOT NULL AND delivered IS NULL AND confirmed IS NULL"),
    postgresql_where=text("installed IS NOT NULL AND delivered IS NULL AND confirmed IS NULL"),
)
Index(
    "ix_registrations_confirmed",
    registrations.c.confirmed,
    sqlite_where=text("confirmed IS NOT NULL"),
    postgresql_where=text("confirmed IS NOT NULL"),
)

tallies = Table(  # how many are there now (hour 0, by status) and how many came in an hour (by event)
    "tallies",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("role", Text),
    Column("seed", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("renewed", Boolean, nullable=False),  # an earlier life of this account may live on in the broker
    Column("installed", BigInteger),
    Column("secret", LargeBinary),  # a password that somebody chose, encrypted; otherwise it comes from the seed
    Column("details", Text),  # of an application: what it reads and writes
    Column("revisit", Boolean, nullable=False, server_default=text("false")),  # what it may do has changed
)
Index(
    "ix_accounts_people",
    accounts.c.kind,
    accounts.c.username,
    sqlite_where=text("kind <> 'device'"),
    postgresql_where=text("kind <> 'device'"),
)
Index(
    "ix_accounts_outbox",
    accounts.c.username,
    sqlite_where=text("installed IS NULL"),
    postgresql_where=text("installed IS NULL"),
)
Index(
    "ix_accounts_revisit",
    accounts.c.username,
    sqlite_where=text("revisit"),
    postgresql_where=text("revisit"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text),
    Column("type", Text),
    Column("group_path", Text),
    Column("properties", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_info", BigInteger),
    Column("iccid", Text),
    Column("id_type", Text),
    Column("shell", Boolean, nullable=False, server_default=text("false")),
    Column("bulk", Text),
    Column("folded", Text, nullable=False, server_default=text("''")),  # as in registrations
)
Index("ix_devices_tenant", devices.c.tenant, devices.c.id)
Index("ix_devices_group", devices.c.tenant, devices.c.group_path, devices.c.id)

groups = Table(
    "groups",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("path", Text, primary_key=True),
)

unregistered = Table(
    "unregistered",
    metadata,
    Column("id", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("token_sent", Boolean, nullable=False),
)
Index("ix_unregistered_last_seen", unregistered.c.last_seen)

options = Table(
    "options",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("created", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("device_id", Text),
    Column("outcome", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("bulk", Text),
)
Index("ix_audit_bulk", audit.c.bulk, audit.c.tenant, unique=True)
Index("ix_audit_device", audit.c.device_id, audit.c.number)
Index("ix_audit_tenant", audit.c.tenant, audit.c.number)

requests = Table(
    "requests",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("administrator", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("command", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_requests_at", requests.c.at)
