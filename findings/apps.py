from django.apps import AppConfig


class FindingsConfig(AppConfig):
    name = "findings"

    def ready(self) -> None:
        from findings import room  # rooms are registered when models are ready
        from ipe import rooms

        rooms.register(room.ROOM)
