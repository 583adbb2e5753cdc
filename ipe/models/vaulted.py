"""Keys and files of the vault. `WrappedKey` alone lives in the key store, a database of its own."""

from django.db import models

from ipe.models.base import Record
from ipe.models.design import Evaluation


class WrappedKey(models.Model):
    """A data key, wrapped by the master key. Deleting the row is erasure of everything under it."""

    scope = models.CharField(max_length=80, primary_key=True)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.scope


class KeyDestruction(models.Model):
    """The ledger of destroyed keys, in the main database: replayed over a restored key store."""

    scope = models.CharField(max_length=80, primary_key=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.scope


class StoredFile(Record):
    """A file under VAR_DIR/files, encrypted with a key of its own that the key of `scope` wraps.

    The original file name is content and is kept sealed, never in the path.
    """

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="stored_files", null=True
    )
    scope = models.CharField(max_length=80)
    kind = models.CharField(max_length=30)
    sealed_key = models.BinaryField()
    sealed_name = models.BinaryField(default=b"")
    n_bytes = models.PositiveBigIntegerField()
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.pk)
