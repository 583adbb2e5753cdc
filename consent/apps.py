from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = "Consent"

    def ready(self) -> None:
        from consent import room  # rooms are registered when models are ready
        from ipe import rooms

        rooms.register(room.ROOM)
