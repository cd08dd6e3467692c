"""What is configured, how the service is, and its numbers. /health and /metrics ask for no key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

import keepcool
from keepcool.app.books import registry
from keepcool.app.config import AppSettings, crediting_of
from keepcool.app.controls import suspensions
from keepcool.app.controls.suspensions import Kind
from keepcool.app.http import reference
from keepcool.app.http.fields import Out, Time, UnitsOut
from keepcool.app.http.health import HealthOut
from keepcool.app.http.parts import Given, Parts, Reader
from keepcool.chains.families import family_of
from keepcool.core.ids import NetworkId

router = APIRouter(tags=["service"])


Suspended = Annotated[str | None, Field(description="Why nothing is paid out; null while it is.")]


class AssetOut(Out):
    asset: str
    network: str
    symbol: str
    decimals: int
    deposit_min: UnitsOut
    withdrawal_min: UnitsOut
    withdrawal_max: Annotated[UnitsOut | None, Field(description="Of one withdrawal; null: none here.")]
    suspended: Suspended = None


class AssetsOut(Out):
    items: list[AssetOut]


class NetworkOut(Out):
    """`crediting`: finalized, or depth (blocks; the least, where amounts differ)."""

    network: str
    name: str
    family: str
    profile: str
    crediting: str
    depth_blocks: int
    suspended: Suspended = None


class NetworksOut(Out):
    items: list[NetworkOut]


class StatusOut(Out):
    version: str
    at_ms: Time
    health: HealthOut
    details: Annotated[dict[str, str], Field(description="What each part says of itself.")]
    wallets: Annotated[dict[str, int], Field(description="By stage of issuing.")]


@router.get("/health", summary="Whether every part answers", responses={503: {"model": HealthOut}})
async def health(given: Given, response: Response) -> HealthOut:
    shown = await given.health.shown()
    response.status_code = 200 if shown.status == "ok" else 503
    return shown


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(given: Given) -> Response:
    return Response(generate_latest(given.metrics), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", summary="This reference", response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    headers = {"Content-Security-Policy": reference.CONTENT_SECURITY_POLICY}
    return HTMLResponse(reference.page(request.app.openapi()), headers=headers)


@router.get("/v1/networks", summary="Networks configured here")
async def networks(given: Given, _: Reader) -> NetworksOut:
    held = await _suspended(given, Kind.NETWORK, list(given.settings.networks))
    return NetworksOut(
        items=[
            NetworkOut(
                network=network,
                name=one.name,
                family=family_of(NetworkId(network)).name.value,
                profile=one.profile,
                crediting=crediting_of(network, one)[0],
                depth_blocks=crediting_of(network, one)[1],
                suspended=held.get(network),
            )
            for network, one in given.settings.networks.items()
        ]
    )


@router.get("/v1/assets", summary="Assets credited here")
async def assets(given: Given, _: Reader) -> AssetsOut:
    listed = listed_assets(given.settings)
    held = await _suspended(given, Kind.ASSET, [one.asset for one in listed])
    return AssetsOut(items=[one.model_copy(update={"suspended": held.get(one.asset)}) for one in listed])


async def _suspended(given: Parts, kind: Kind, subjects: list[str]) -> dict[str, str]:
    """Reasons, by subject."""
    found = await given.store.read(lambda tx: suspensions.of_subjects(tx, kind, subjects))
    return {name: one.reason for name, one in found.items()}


def listed_assets(settings: AppSettings) -> list[AssetOut]:
    return [
        AssetOut(
            asset=asset.id,
            network=network,
            symbol=asset.symbol,
            decimals=asset.decimals,
            deposit_min=asset.deposit_min,
            withdrawal_min=asset.withdrawal_min,
            withdrawal_max=asset.withdrawal_max or None,
        )
        for network, one in settings.networks.items()
        for asset in one.assets
    ]


@router.get("/v1/status", summary="How the whole installation is")
async def status(given: Given, _: Reader) -> StatusOut:
    found = await given.health.found()
    return StatusOut(
        version=keepcool.__version__,
        at_ms=given.clock.now_ms(),
        health=await given.health.shown(),
        details={name: text for name, (_, text) in found.items()},
        wallets=await given.store.read(registry.count_by_stage),
    )
