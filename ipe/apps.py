from django.apps import AppConfig


class IpeConfig(AppConfig):
    name = "ipe"
    verbose_name = "The shell"

    def ready(self) -> None:
        from ipe import checks, room, rooms  # models are loaded only now

        checks.register()
        rooms.register(room.ROOM)
