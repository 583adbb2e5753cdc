from django.apps import AppConfig


class FieldworkConfig(AppConfig):
    name = "fieldwork"
    verbose_name = "Fieldwork"

    def ready(self) -> None:
        from fieldwork import room  # rooms are registered when models are ready
        from ipe import rooms

        rooms.register(room.ROOM)
