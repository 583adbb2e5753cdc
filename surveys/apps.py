from django.apps import AppConfig


class SurveysConfig(AppConfig):
    name = "surveys"
    verbose_name = "Surveys"

    def ready(self) -> None:
        from ipe import rooms
        from surveys import room  # rooms are registered when models are ready

        rooms.register(room.ROOM)
