"""Channels and revocations; of a build what went into it, and the evidence of what came out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add tables and columns. What older builds were made of is not known: NULL."""
    op.create_table(
        "channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_channel_image_id_image")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("image_id", "name", name=op.f("uq_channel_image_id_name")),
    )
    op.create_table(
        "channel_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_event_channel_id_channel")),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_channel_event_version_id_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_event")),
    )
    op.create_index(op.f("ix_channel_event_channel_id"), "channel_event", ["channel_id"], unique=False)
    op.create_index(op.f("ix_channel_event_version_id"), "channel_event", ["version_id"], unique=False)
    op.create_table(
        "revocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("descendants", sa.Boolean(), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restored_by", sa.Text(), nullable=True),
        sa.Column("restored_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_revocation_version_id_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation")),
    )
    op.create_index(op.f("ix_revocation_version_id"), "revocation", ["version_id"], unique=False)
    op.create_index(
        "uq_revocation_in_force",
        "revocation",
        ["version_id"],
        unique=True,
        sqlite_where=sa.text("restored_at IS NULL"),
        postgresql_where=sa.text("restored_at IS NULL"),
    )
    op.add_column("build", sa.Column("ingredients", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("build", sa.Column("compliance", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("build", sa.Column("patching", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("build", sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True))
