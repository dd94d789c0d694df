"""Which digital source types mean that a file is synthetic."""

from typing import Any

import pytest

from heygem_daemon.media.marking.manifest import _source_types
from heygem_daemon.media.marking.source_types import says_synthetic
from heygem_daemon.media.marking.xmp import SOURCE_TYPE

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    "source_type",
    [
        SOURCE_TYPE,
        IPTC + "trainedAlgorithmicMedia",
        IPTC.replace("http:", "https:") + "algorithmicMedia/",
        IPTC + "compositeSynthetic",
        IPTC + "virtualRecording",
        "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData",
        " digsrctype:trainedAlgorithmicMedia ",
    ],
)
def test_what_an_algorithm_made_is_synthetic(source_type: str) -> None:
    assert says_synthetic(source_type)


@pytest.mark.parametrize(
    "source_type",
    [
        *(
            IPTC + each
            for each in (
                "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print",
                "humanEdits", "minorHumanEdits", "compositeCapture", "composite", "digitalCreation",
                "digitalArt", "dataDrivenMedia", "algorithmicallyEnhanced", "screenCapture",
            )
        ),
        "trainedAlgorithmicMedia",
        "http://example.com/trainedAlgorithmicMedia",
        "",
    ],
)  # fmt: skip
def test_what_was_recorded_or_drawn_is_not(source_type: str) -> None:
    assert not says_synthetic(source_type)


def action(name: str, source_type: str) -> dict[str, Any]:
    data = {"actions": [{"action": name, "digitalSourceType": IPTC + source_type}]}
    return {"assertions": [{"label": "c2pa.actions.v2", "data": data}]}


def test_what_was_opened_counts_and_what_was_put_in_does_not() -> None:
    made = action("c2pa.created", "trainedAlgorithmicMedia")
    opened = {"relationship": "parentOf", "active_manifest": "made"}
    edited = {**action("c2pa.edited", "humanEdits"), "ingredients": [opened]}
    manifests = {"a": edited, "made": made}
    store = {"manifests": manifests, "active_manifest": "a"}
    assert _source_types(store) == (IPTC + "humanEdits", IPTC + "trainedAlgorithmicMedia")
    edited["ingredients"] = [{"relationship": "inputTo", "active_manifest": "made"}]
    assert _source_types(store) == (IPTC + "humanEdits",)


def test_a_manifest_that_leads_back_to_itself_is_read_once() -> None:
    opened = {"relationship": "parentOf", "active_manifest": "a"}
    store = {
        "manifests": {"a": {**action("c2pa.edited", "print"), "ingredients": [opened]}},
        "active_manifest": "a",
    }
    assert _source_types(store) == (IPTC + "print",)
