import uuid

from django.db import models


class Record(models.Model):
    """Base of every row that can stand in a URL: a random id says nothing about the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
