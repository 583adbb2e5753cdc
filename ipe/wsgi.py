import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipe.settings")
application = get_wsgi_application()

from ipe import checks  # noqa: E402 - models are loaded only now

checks.refuse_unsafe_start()
