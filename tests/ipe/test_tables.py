"""The operation of the first migrations: tables with their constraints, made at once and taken away again."""

from __future__ import annotations

import importlib

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter

from ipe.tables import CreateModels

KEY = models.BigAutoField(primary_key=True, serialize=False)


def shelf_and_books() -> CreateModels:
    return CreateModels(
        [
            migrations.CreateModel(name="Shelf", fields=[("id", KEY)]),
            migrations.CreateModel(
                name="Book",
                fields=[
                    ("id", KEY.clone()),
                    ("shelf", models.ForeignKey("ipe.shelf", on_delete=models.CASCADE, related_name="books")),
                    ("place", models.IntegerField()),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("shelf", "place"), name="one_book_in_a_place"),
                        models.CheckConstraint(condition=models.Q(place__gte=1), name="places_begin_at_one"),
                    ],
                    "indexes": [models.Index(fields=["place"], name="book_place")],
                },
            ),
        ]
    )


def tables() -> set[str]:
    return {"ipe_shelf", "ipe_book"} & set(connection.introspection.table_names())


@pytest.mark.django_db(
    transaction=True
)  # SQLite makes no tables inside a transaction that checks foreign keys
def test_models_are_made_with_their_rules_and_unmade() -> None:
    operation = shelf_and_books()
    before = ProjectState()
    _ = before.apps  # as when earlier migrations ran in the same process
    after = before.clone()
    operation.state_forwards("ipe", after)
    assert set(after.models) == {("ipe", "shelf"), ("ipe", "book")}
    assert before.models == {}
    try:
        with connection.schema_editor() as editor:
            operation.database_forwards("ipe", editor, before, after)
        assert tables() == {"ipe_shelf", "ipe_book"}
        with connection.cursor() as cursor:
            rules = connection.introspection.get_constraints(cursor, "ipe_book")
        assert {"one_book_in_a_place", "places_begin_at_one", "book_place"} <= set(rules)
        shelf = after.apps.get_model("ipe", "Shelf").objects.create()
        book = after.apps.get_model("ipe", "Book")
        book.objects.create(shelf=shelf, place=1)
        for place in (0, 1):
            with pytest.raises(IntegrityError):
                book.objects.create(shelf=shelf, place=place)
    finally:
        with connection.schema_editor() as editor:
            operation.database_backwards("ipe", editor, after, before)
    assert tables() == set()


def test_models_added_to_a_state_with_classes_are_found_there() -> None:
    state = ProjectState()
    assert not list(state.apps.get_models())
    shelf_and_books().state_forwards("ipe", state)
    assert state.apps.get_model("ipe", "Book")._meta.get_field("shelf").related_model is state.apps.get_model(
        "ipe", "Shelf"
    )


def test_operation_is_written_into_a_migration_and_says_what_it_does() -> None:
    operation = shelf_and_books()
    written, imports = OperationWriter(operation).serialize()
    assert written.count("migrations.CreateModel(") == 2
    assert imports >= {"import ipe.tables"}
    assert operation.describe() == "Create 2 models"
    assert operation.references_model("Shelf", "ipe")
    assert not operation.references_model("Lamp", "ipe")


@pytest.mark.row("SP-14")
@pytest.mark.parametrize("room", ["ipe", *(room for room in settings.ROOMS if room != "findings")])
def test_first_migration_of_a_room_makes_every_table_whole_in_one_step(room: str) -> None:
    """SQLite would write a table anew for each constraint that is added to it, in every new database."""
    first, *rest = importlib.import_module(f"{room}.migrations.0001_initial").Migration.operations
    assert isinstance(first, CreateModels)
    # What is left over closes a circle of references: it can be empty, so that no table is written anew for it.
    assert all(isinstance(one, migrations.AddField) for one in rest)
    assert all(one.field.null or one.field.many_to_many for one in rest)
