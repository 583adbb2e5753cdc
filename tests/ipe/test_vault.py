import uuid
from pathlib import Path

import pytest
from django.conf import settings

from ipe import crypto, vault
from ipe.errors import KeyDestroyed
from ipe.models import WrappedKey

CANARY = "Zsófia O’Brien-Quince"


@pytest.mark.row("V11.3.3")
def test_seal_opens_in_its_place_only(study):
    scope = vault.evaluation_scope(study)
    sealed = vault.seal(scope, CANARY, where="contact.name:1")
    assert vault.open_sealed(scope, sealed, where="contact.name:1") == CANARY
    with pytest.raises(crypto.Tampered):
        vault.open_sealed(scope, sealed, where="contact.name:2")


def test_seal_is_different_each_time_and_hides_the_text(study):
    scope = vault.evaluation_scope(study)
    first, second = (vault.seal(scope, CANARY, where="x:1") for _ in range(2))
    assert first != second
    assert CANARY.encode() not in first


def test_destroy_key_erases_what_is_under_it(study, django_capture_on_commit_callbacks):
    scope = vault.participant_scope(uuid.uuid4())
    sealed = vault.seal(scope, CANARY, where="x:1")
    with django_capture_on_commit_callbacks(execute=True):
        vault.destroy_key(scope)
    assert not WrappedKey.objects.using("keys").filter(scope=scope).exists()
    with pytest.raises(KeyDestroyed):
        vault.open_sealed(scope, sealed, where="x:1")
    with pytest.raises(KeyDestroyed):
        vault.seal(scope, CANARY, where="x:1")


def test_destroy_key_holds_before_the_key_store_follows(study):
    """The ledger row alone closes the scope: a crash between the two databases opens nothing."""
    scope = vault.participant_scope(uuid.uuid4())
    sealed = vault.seal(scope, CANARY, where="x:1")
    vault.destroy_key(scope)
    assert WrappedKey.objects.using("keys").filter(scope=scope).exists()
    with pytest.raises(KeyDestroyed):
        vault.open_sealed(scope, sealed, where="x:1")
    assert vault.carry_out_destructions() == 1
    assert vault.carry_out_destructions() == 0


def test_open_many_reads_each_store_once(study, django_assert_num_queries):
    scope = vault.evaluation_scope(study)
    sealed = [(scope, vault.seal(scope, str(n), where=f"x:{n}"), f"x:{n}") for n in range(3)]
    with django_assert_num_queries(1), django_assert_num_queries(1, using="keys"):
        assert vault.open_many(sealed) == ["0", "1", "2"]


def test_index_finds_the_same_value_however_it_is_written(study):
    scope = vault.evaluation_scope(study)
    assert vault.index(scope, " Ann@Example.org ") == vault.index(scope, "ann@example.ORG")
    assert vault.index(scope, "ann@example.org") != vault.index(scope, "anne@example.org")


@pytest.mark.row("V5.3.2")
def test_store_file_keeps_nothing_readable(study):
    scope = vault.evaluation_scope(study)
    stored = vault.store_file(
        CANARY.encode() * 1000, scope=scope, kind="original", evaluation=study, name=CANARY
    )
    path = Path(settings.VAR_DIR) / "files" / str(stored.pk)
    assert CANARY.encode() not in path.read_bytes()
    assert vault.read_file(stored) == CANARY.encode() * 1000
    assert vault.file_name(stored) == CANARY


def test_erase_file_removes_bytes_and_key(study, django_capture_on_commit_callbacks):
    scope = vault.evaluation_scope(study)
    stored = vault.store_file(b"x", scope=scope, kind="original", evaluation=study)
    with django_capture_on_commit_callbacks(execute=True):
        vault.erase_file(stored)
    assert not (Path(settings.VAR_DIR) / "files" / str(stored.pk)).exists()
    with pytest.raises(KeyDestroyed):
        vault.read_file(stored)


@pytest.mark.parametrize("size", [0, 1, crypto.CHUNK - 1, crypto.CHUNK, crypto.CHUNK + 1, 3 * crypto.CHUNK])
def test_sealed_file_round_trip_at_chunk_borders(tmp_path, size):
    key, plain = crypto.new_key(), bytes(size)
    with (tmp_path / "f").open("wb") as target:
        assert crypto.seal_file([plain[:7], plain[7:]], target, key, where="f") == size
    with (tmp_path / "f").open("rb") as source:
        assert b"".join(crypto.unseal_file(source, key, where="f")) == plain


@pytest.mark.row("V11.3.3")
@pytest.mark.parametrize("damage", ["cut", "flip", "swap"])
def test_sealed_file_damaged_does_not_open(tmp_path, damage):
    key = crypto.new_key()
    with (tmp_path / "f").open("wb") as target:
        crypto.seal_file([b"a" * crypto.CHUNK, b"b" * crypto.CHUNK, b"c"], target, key, where="f")
    raw = bytearray((tmp_path / "f").read_bytes())
    head, size = len(crypto.MAGIC) + 7, crypto.CHUNK + crypto.N_TAG
    if damage == "cut":
        raw = raw[: head + size]
    elif damage == "flip":
        raw[head + 5] ^= 1
    else:
        raw[head : head + 2 * size] = raw[head + size : head + 2 * size] + raw[head : head + size]
    (tmp_path / "f").write_bytes(raw)
    with (tmp_path / "f").open("rb") as source, pytest.raises(crypto.Tampered):
        list(crypto.unseal_file(source, key, where="f"))
