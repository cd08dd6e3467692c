"""What `--help` says of a command beside its arguments: what it does, and an example where it needs one.

Laws: imported only when somebody asks for help; every example is one the program takes (tests/docs).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

_WALLET, _PAID = "wal_4f0c", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
_USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
_PAY = f"--asset ETH --amount 0.1 --to {_PAID}"
_DESK = "--url https://desk.example --key judy.key"
_RESTORE = "--descriptors wallets.txt --node http://127.0.0.1:8332 --cookie .cookie"

EXAMPLES: Mapping[str, Sequence[str]] = {
    "init": (
        "init kc --cold cold/cold.pub.json --network eip155:1 --node-url https://node.example "
        f"--token {_USDT}:USDT:6 --cap ETH=1,5,20",
        "init kc --network litecoin-regtest --port 0",
    ),
    "up": ("up kc",),
    "demo": ("demo --chains evm",),
    "hosts split": (
        "hosts split kc --into hosts --broker bus.internal --keystore keeper=ks-a.internal "
        "--keystore cooler=ks-b.internal --app-url https://api.example",
    ),
    "hosts brokers": ("hosts brokers kc --into new --broker bus-a.internal --broker bus-b.internal",),
    "hosts certificates": (
        "hosts certificates kc --into renewed --part app --part keeper-keystore=ks-a.internal",
    ),
    "hosts units": ("hosts units --into /etc/systemd/system --only keeper",),
    "doctor": ("doctor kc", "doctor /var/lib/keepcool --offline"),
    "app descriptors": ("app descriptors --config app.toml --network bitcoin --out wallets.txt",),
    "app safes": ("app safes --config app.toml --network eip155:1 --out safes.json",),
    "app backup": ("app backup books.backup --config app.toml",),
    "app restore": (
        "app restore books.backup --force --config app.toml",
        "app restore --from-signers --config app.toml",
    ),
    "app rescan": ("app rescan --network eip155:1 --from-date 2026-01-31 --config app.toml",),
    "app recalled": (
        "app recalled list --config app.toml",
        "app recalled book 3 --withdrawal wd_4f0c --output 1 --config app.toml",
    ),
    "app move-database": (
        "app move-database --to postgresql://keepcool@db.example/books --to-password db-password "
        "--config app.toml",
    ),
    "app statement": (
        "app statement --wallet wal_4f0c --from 2026-01-01 --to 2026-02-01 --out january.csv "
        "--config app.toml",
    ),
    "app reconcile": ("app reconcile --out report.json --config app.toml",),
    "app api-key new": (
        "app api-key new --name shop --scopes users,wallets --from 10.0.0.7/32 --config app.toml",
    ),
    "app api-key limit": ("app api-key limit shop --requests-per-s 50 --config app.toml",),
    "app api-key rotate": ("app api-key rotate shop --overlap 24h --config app.toml",),
    "app api-key revoke": ("app api-key revoke --name shop --config app.toml",),
    "keeper freeze": (
        'keeper freeze --level all --reason "unknown withdrawal, 02:10" --config keeper.toml',
        'keeper freeze --level wallet --target wal_4f0c --reason "a lost phone" --config keeper.toml',
    ),
    "keeper thaw": ('keeper thaw --level all --reason "a wrong alarm" --config keeper.toml',),
    "keeper journal": ("keeper journal --after 1200 --config keeper.toml",),
    "keeper descriptors": ("keeper descriptors --config keeper.toml --network bitcoin --out wallets.txt",),
    "keeper unlock": ("keeper unlock --operator boris --for 10m --config keeper.toml",),
    "keeper set-passphrase": ("keeper set-passphrase --operator boris --by operator --config keeper.toml",),
    "keeper keystore rotate": (
        "keeper keystore rotate --operator root/keeper-keystore --config keeper.toml",
    ),
    "keeper keystore wrap": (
        "keeper keystore wrap --operator root/keeper-keystore --out wrapped.token --config keeper.toml",
    ),
    "keeper keystore enroll": ("keeper keystore enroll --wrapped wrapped.token --config keeper.toml",),
    "admin order policy": ("admin order policy new-policy.toml --status status.json --out order.json",),
    "admin order freeze": (
        'admin order freeze --level all --reason "unknown withdrawal" --status status.json --out freeze.json',
    ),
    "admin order thaw": (
        'admin order thaw --level all --reason "a wrong alarm" --report report.json '
        "--status status.json --out thaw.json",
    ),
    "admin order cancel": ("admin order cancel order.json --status status.json --out cancel.json",),
    "admin sign": ("admin sign order.json --key anna.key --name anna",),
    "admin submit": ("admin submit order.json --signer keeper --config keeper.toml",),
    "desk list": (f"desk list {_DESK} --oldest",),
    "desk show": (f"desk show 582ee6b1 {_DESK} --save drafts",),
    "desk approve": (f'desk approve 582ee6b1 {_DESK} --reason "called the customer"',),
    "desk reject": (f'desk reject 582ee6b1 {_DESK} --reason "unknown to them"',),
    "cold new": ("cold new --out cold",),
    "cold check": ("cold check < cold.words",),
    "cold sign bitcoin": (
        "cold sign bitcoin drafts/1.psbt --descriptors wallets.txt --harbor bc1q... --paper cool "
        "--out once < cool.words",
    ),
    "policy sign": ("policy sign keeper/policy.toml --root-key root/root.key",),
    "policy verify": (f"policy verify keeper/policy.toml --root-public {'ab' * 32}",),
    "policy try": ("policy try request.json --policy keeper/policy.toml",),
    "networks add": (
        "networks add kc eip155:10 --node-url https://node.example --cap ETH=1,5,20",
        "networks add kc eip155:10 --node-url https://node.example --cap ETH=1,5,20 --yes",
    ),
    "token add": (f"token add kc {_USDT} --network eip155:1 --cap USDT=1000,5000,20000 --yes",),
    "keys new": ("keys new --identity kc/keeper/identity",),
    "keys pin": ("keys pin --config kc/app/app.toml --peer keeper --signing-key HEX --sealing-key HEX",),
    "keys attest": (
        "keys attest --root-key kc/root/root.key --service keeper --key NEW --before OLD "
        "--until 2099-01-01 --out keeper-keys.json",
    ),
    "reconcile": ("reconcile --config app.toml --out report.json",),
    "journal verify": (f"journal verify keeper/data/keeper.sqlite --head 1207:{'ab' * 32}",),
    "inspect evm": ("inspect evm docs/start/safe-tx.json",),
    "inspect bitcoin": ("inspect bitcoin draft.psbt --network litecoin",),
    "derive evm": (
        "derive evm --profile 1.5.0 --chain-id 1 --owner 0x69467D2A9D49aFDfef63185Ac6e4F4F5B83eDF56 "
        "--owner 0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25 "
        "--owner 0xA8151bF105E539b9d481e3231880a0e62095Be52 --threshold 2 --salt 0",
    ),
    "derive bitcoin": (
        "derive bitcoin --network litecoin --scheme bip45 --xpub HOT --xpub COOL --xpub COLD "
        '--path "m/45\'/1/0/7"',
    ),
    "derive forwarders": (f"derive forwarders --treasury {_PAID} --count 200 --sweep native",),
    "restore bitcoin scan": (f"restore bitcoin scan {_RESTORE} --state found.sqlite",),
    "restore bitcoin sweep": (
        f"restore bitcoin sweep {_RESTORE} --state found.sqlite --to bc1q... --out drafts",
    ),
    "restore bitcoin send": (f"restore bitcoin send {_RESTORE} --to bc1q... twice/1.psbt",),
    "user new": ("user new --external-id customer-7",),
    "user new-key": ("user new-key alice.key",),
    "user sign": (f"user sign wd_4f0c --wallet {_WALLET} {_PAY} --key alice.key",),
    "wallet new": ("wallet new --user usr_4f0c --network eip155:1 --external-id customer-7-main",),
    "wallet addresses": (f"wallet addresses {_WALLET} --more 5",),
    "pool create": ("pool create --network bip122:000000000019d6689c085ae165831e93 --external-id main",),
    "pool marks": (
        "pool marks pool_4f0c --low 500000000 --target 1000000000 --high 5000000000 --harbor bc1q...",
    ),
    "pool refilled": ("pool refilled pool_4f0c --units 500000000",),
    "withdraw quote": (f"withdraw quote --wallet {_WALLET} {_PAY}",),
    "withdraw new": (
        f"withdraw new --wallet {_WALLET} {_PAY} --key alice.key --idempotency-key order-17 --wait 60",
    ),
    "rescue new": (
        f'rescue new --wallet {_WALLET} --token {_USDT} --to {_PAID} --reason "ticket 11" --wait 60',
    ),
    "payouts list": ("payouts list --state uncertain",),
    "payouts freeze": ('payouts freeze wd_4f0c --reason "a call from the bank"',),
    "transfer new": (f"transfer new --from {_WALLET} --to wal_7a21 --asset ETH --amount 0.1",),
    "deposit credit": ('deposit credit dep_4f0c --reason "asked for, ticket 7"',),
    "alarm thaw": ("alarm thaw 7",),
    "control suspend": (
        'control suspend user usr_4f0c --reason "card fraud, ticket 8"',
        'control suspend network eip155:1 --reason "a split" --hold-deposits',
    ),
    "control resume": ('control resume user usr_4f0c --reason "it was his"',),
    "correction propose": (
        f"correction propose --source owed:{_WALLET} --target house:{_WALLET} "
        '--asset eip155:1/slip44:60 --units 5000 --reason "credited twice" --reference "ticket 9" '
        "--person Anna",
    ),
    "correction approve": (f"correction approve cor_4f0c --digest {'ab' * 32} --person Boris",),
    "purse topup": (f"purse topup --wallet {_WALLET} --asset ETH --amount 1 --wait 60",),
    "events": ("events --after 1200 --types 'withdrawal.*' --follow",),
    "webhook add": ("webhook add https://shop.example/hooks --types 'deposit.*,withdrawal.*'",),
    "webhook replay": ("webhook replay whk_4f0c --dead",),
    "devnet bitcoin pay": ("devnet bitcoin pay kc rltc1q... 1.5",),
}


def examples(name: str) -> list[str]:
    """Whole commands. What both signers have is written once; `app key` is `app api-key`."""
    written = name.replace("app key ", "app api-key ")
    found = EXAMPLES.get(written) or EXAMPLES.get(written.replace("cooler ", "keeper ", 1), ())
    noun = name.partition(" ")[0]
    return [f"keepcool {one.replace('keeper', noun) if noun == 'cooler' else one}" for one in found]


def explain(name: str, about: str, parser: argparse.ArgumentParser) -> None:
    """This command's help and that of all below it."""
    parser.description = f"{about[:1].upper()}{about[1:]}."
    shown = "\n".join(f"  {one}" for one in examples(name))
    if shown:
        parser.epilog = f"example:\n{shown}"
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for inner in parser._actions:  # noqa: SLF001 - argparse has no other way to its verbs
        if isinstance(inner, argparse._SubParsersAction):  # noqa: SLF001
            helped = {one.dest: one.help or "" for one in inner._choices_actions}  # noqa: SLF001
            for verb, below in inner.choices.items():
                explain(f"{name} {verb}", helped.get(verb, ""), below)
