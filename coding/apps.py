from django.apps import AppConfig


class CodingConfig(AppConfig):
    name = "coding"
    label = "coding"
    verbose_name = "Coding"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from coding import room  # models must be loaded first
        from ipe import rooms

        rooms.register(room.ROOM)
