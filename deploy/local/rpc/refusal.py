"""The one exception that becomes a gRPC status."""

import grpc


class Refused(Exception):
    """A request the server will not carry out.

    `code` is what Google's server answers in the same case, so that retry rules of Google's clients apply unchanged;
    `text` tells the caller what to do next and never repeats message content or tokens.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @classmethod
    def invalid(cls, text: str) -> "Refused":
        return cls(grpc.StatusCode.INVALID_ARGUMENT, text)

    @classmethod
    def missing(cls, resource: str) -> "Refused":
        return cls(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={resource}). Create it first.")

    @classmethod
    def exists(cls, resource: str) -> "Refused":
        return cls(grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists (resource={resource}).")

    @classmethod
    def forbidden(cls, account: str, permission: str, resource: str) -> "Refused":
        return cls(
            grpc.StatusCode.PERMISSION_DENIED,
            f"{account} lacks permission {permission} on {resource}. Grant it in the policy of the local cloud.",
        )
