"""allauth's adapters: accounts come by invitation only, and its secrets are encrypted."""

from __future__ import annotations

import base64
import ipaddress
import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse

from ipe import crypto, vault

log = logging.getLogger("ipe.accounts")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        log.info("signed in from %s", self.get_client_ip(request), extra={"user": str(user.pk)})
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        return answer

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """What was typed as an address may be a password, so it is not told."""
        log.warning("sign-in failed from %s", self.get_client_ip(request))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address; an IPv6 client counts by its /64, of which one subscriber has them all."""
        address = ipaddress.ip_address(super().get_client_ip(request).partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False).network_address)
        return str(address)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """TOTP secrets and the seed of recovery codes: allauth keeps them as they are unless told how to encrypt."""

    WHERE = "mfa_authenticator.data"

    def encrypt(self, text: str) -> str:
        sealed = crypto.seal(vault.master_key("mfa"), text.encode(), where=self.WHERE)
        return base64.urlsafe_b64encode(sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        sealed = base64.urlsafe_b64decode(encrypted_text)
        return crypto.unseal(vault.master_key("mfa"), sealed, where=self.WHERE).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.email)
