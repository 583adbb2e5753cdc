from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "releases"
    verbose_name = "Releases"

    def ready(self) -> None:
        from ipe import rooms
        from releases import room  # rooms are registered when models are ready

        rooms.register(room.ROOM)
