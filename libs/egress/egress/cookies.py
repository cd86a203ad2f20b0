"""A cookie jar that stays empty: what a provider sets on one workspace's answer must not go out with another workspace's request."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy


def no_cookies() -> CookieJar:
    """A jar that takes no cookie from any host; no provider's API needs one."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
