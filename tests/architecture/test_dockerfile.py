"""The recipe of the images keeps its rules, and each rule is broken here once."""

from __future__ import annotations

import pytest
import yaml

from architecture.dockerfile import instructions, problems
from house.image import DOCKERFILE, IMAGES, Base, ImageRefused, bases
from house.projects import ROOT

TEXT = (ROOT / DOCKERFILE).read_text()


def test_the_dockerfile_keeps_the_rules() -> None:
    assert problems(TEXT) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("ARG BASE\n", "ARG BASE=python:3.11-slim\n", "has no default"),
        ("FROM ${BASE} AS service", "FROM python:latest AS service", "begins with BASE"),
        ("FROM ${BASE} AS service", "FROM ${BASE} AS last", "last stage"),
        ('"--require-hashes", ', "", "without hashes"),
        ("--require-hashes --no-build", "--no-build", "without hashes"),
        ('RUN ["python", "-m", "venv"', "RUN apt-get update\nRUN [", "no lock pins"),
        ("COPY libs libs", "COPY . .", "everything there is"),
        ("COPY libs libs", "ADD libs libs", "ADD"),
        ("--chown=0:0", "--chown=10001:10001", "belong to root"),
        ("COPY --from=build", "COPY services /opt/services\nCOPY --from=build", "past the build"),
        ("EXPOSE 8080\nUSER 10001:10001", "EXPOSE 8080", "not root"),
        ("EXPOSE 8080\nUSER 10001:10001", "EXPOSE 8080\nUSER 10001:10001\nRUN rm -rf /tmp", "after it has become"),
        ('ENTRYPOINT ["service"]', "ENTRYPOINT service", "exec form"),
        ('CMD ["healthy"]', "CMD healthy", "exec form"),
        ("STOPSIGNAL SIGTERM\nHEALTHCHECK --interval=10s", "HEALTHCHECK --interval=10s", "SIGTERM"),
        ('CMD ["serve"]', "", "has one CMD"),
        ("EXPOSE 8080", "EXPOSE 8080\nVOLUME /data", "VOLUME"),
        ("EXPOSE 8080", "EXPOSE 8080\nENV CALLMINE_CLERK_SECRET_KEY=x", "history"),
        (
            "WORKDIR /opt/callmine/app",
            'RUN ["python", "-m", "pip", "install", "--require-hashes", "x"]',
            "stays in the image",
        ),
    ],
)
def test_a_rule_that_is_broken_is_found(before: str, after: str, problem: str) -> None:
    changed = TEXT.replace(before, after, 1) if "service" not in before else after.join(TEXT.rsplit(before, 1))
    assert changed != TEXT
    assert any(problem in found for found in problems(changed))


def test_every_arg_and_copied_file_is_there() -> None:
    named = [
        part
        for one in instructions(TEXT)
        if one.name == "COPY" and "--from" not in one.rest
        for part in one.rest.split()[:-1]
    ]
    assert [name for name in named if "${SERVICE}" not in name and not (ROOT / name).exists()] == []


class TestBases:
    """A base is pinned, or there is no image."""

    def test_a_base_without_a_digest_is_refused_with_words_on_what_to_do(self) -> None:
        with pytest.raises(ImageRefused, match=r"imagetools inspect python:3\.11"):
            _ = Base("python", "3.11", "").reference

    def test_one_with_a_digest_is_named_by_it(self) -> None:
        digest = f"sha256:{'ab' * 32}"
        assert Base("python", "3.11", digest).reference == f"python:3.11@{digest}"

    def test_digests_are_whole_or_not_there(self) -> None:
        for base in bases().values():
            if base.digest:
                assert base.reference.endswith(base.digest)

    def test_every_image_of_others_is_listed(self) -> None:
        listed = yaml.safe_load((ROOT / IMAGES).read_text())["images"]
        assert listed.keys() == {"python", "postgres", "emulators"}
