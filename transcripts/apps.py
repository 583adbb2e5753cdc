from django.apps import AppConfig


class TranscriptsConfig(AppConfig):
    name = "transcripts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported here because the port needs models, which exist only after every app is loaded.
        from ipe import rooms
        from transcripts import room

        rooms.register(room.ROOM)
