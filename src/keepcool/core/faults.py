"""The points of a withdrawal at which a process may die. The kill -9 test walks this list, so a new
point is tested the day it is added. In production nothing listens."""

from __future__ import annotations

from enum import StrEnum


class FaultPoint(StrEnum):
    APP_REQUESTED = "app-requested"  # withdrawal and ledger hold are stored, nothing drafted
    APP_DRAFTED = "app-drafted"  # intent and draft are stored, no signer asked
    APP_PARTLY_SIGNED = "app-partly-signed"  # one signature stored
    APP_SIGNED = "app-signed"  # both stored, the purse not asked
    APP_DEPLOY_STORED = "app-deploy-stored"  # the wallet's deployment is stored, not sent
    APP_PURSE_STORED = "app-purse-stored"  # the purse transaction is stored, not sent
    APP_SENT = "app-sent"  # sent, and not yet noted as sent
    APP_CONFIRMED = "app-confirmed"  # seen in a block, ledger not yet settled
    KEEPER_OPENED = "keeper-opened"  # request opened, nothing remembered
    KEEPER_REMEMBERED = "keeper-remembered"  # journal row committed, nothing signed
    KEEPER_SIGNED = "keeper-signed"  # signed, answer not sent
    KEEPER_PURSE_REMEMBERED = "keeper-purse-remembered"  # purse row committed, nothing signed
    KEEPER_PURSE_SIGNED = "keeper-purse-signed"  # purse transaction signed, answer not sent
    COOLER_OPENED = "cooler-opened"
    COOLER_REMEMBERED = "cooler-remembered"
    COOLER_SIGNED = "cooler-signed"
