CREATE TABLE IF NOT EXISTS api_key (
    id VARCHAR(40) NOT NULL,
    name VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    scopes VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT,
    PRIMARY KEY (id),
    UNIQUE (hash)
);

CREATE TABLE IF NOT EXISTS balance (
    account VARCHAR(120) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    PRIMARY KEY (account, asset)
);

CREATE TABLE IF NOT EXISTS coin (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout BIGINT NOT NULL,
    source VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    cosigner INTEGER NOT NULL,
    change INTEGER NOT NULL,
    "index" BIGINT NOT NULL,
    amount_sat BIGINT NOT NULL,
    height BIGINT,
    block_hash VARCHAR(64),
    matures BIGINT NOT NULL,
    coinbase BOOLEAN NOT NULL,
    own BOOLEAN NOT NULL,
    dust BOOLEAN NOT NULL,
    frozen BOOLEAN NOT NULL,
    gone BOOLEAN NOT NULL,
    spent_by VARCHAR(64),
    spent_height BIGINT,
    seen_at_ms BIGINT NOT NULL,
    PRIMARY KEY (network, txid, vout)
);
CREATE INDEX IF NOT EXISTS coin_at ON coin (network, height);
CREATE INDEX IF NOT EXISTS coin_dust ON coin (network, dust, spent_height) WHERE dust;
CREATE INDEX IF NOT EXISTS coin_spendable ON coin (source, spent_by, gone, amount_sat);
CREATE INDEX IF NOT EXISTS coin_spent_at ON coin (network, spent_height);
CREATE INDEX IF NOT EXISTS coin_spent_by ON coin (network, spent_by);
CREATE INDEX IF NOT EXISTS coin_unspent ON coin (source, spent_height, gone, height, amount_sat);
CREATE INDEX IF NOT EXISTS coin_unspent_of ON coin (network, spent_height, gone, height, amount_sat);

CREATE TABLE IF NOT EXISTS coin_address (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    network VARCHAR(64) NOT NULL,
    script BLOB NOT NULL,
    source VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    cosigner INTEGER NOT NULL,
    change INTEGER NOT NULL,
    "index" BIGINT NOT NULL,
    holder VARCHAR(64),
    used BOOLEAN NOT NULL,
    UNIQUE (network, script),
    UNIQUE (source, cosigner, change, "index")
);
CREATE INDEX IF NOT EXISTS coin_address_free ON coin_address (source, cosigner, change, used, holder);
CREATE INDEX IF NOT EXISTS coin_address_of ON coin_address (network, number);
CREATE INDEX IF NOT EXISTS coin_address_wallet ON coin_address (wallet);

CREATE TABLE IF NOT EXISTS coin_draft (
    network VARCHAR(64) NOT NULL,
    body VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    holder VARCHAR(64) NOT NULL,
    PRIMARY KEY (network, body)
);
CREATE INDEX IF NOT EXISTS coin_draft_of ON coin_draft (holder);

CREATE TABLE IF NOT EXISTS coin_lease (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout BIGINT NOT NULL,
    holder VARCHAR(64) NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (network, txid, vout)
);
CREATE INDEX IF NOT EXISTS coin_lease_of ON coin_lease (holder);

CREATE TABLE IF NOT EXISTS coin_spending (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    body VARCHAR(64) NOT NULL,
    holder VARCHAR(64),
    height BIGINT,
    block_hash VARCHAR(64),
    gone BOOLEAN NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    UNIQUE (network, txid)
);
CREATE INDEX IF NOT EXISTS coin_spending_at ON coin_spending (network, height);
CREATE INDEX IF NOT EXISTS coin_spending_of ON coin_spending (holder);

CREATE TABLE IF NOT EXISTS coin_transaction (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (network, txid)
);

CREATE TABLE IF NOT EXISTS coin_transaction_forgotten (
    network VARCHAR(64) NOT NULL,
    height BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE IF NOT EXISTS creator_transaction (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    network VARCHAR(64) NOT NULL,
    account VARCHAR(128) NOT NULL,
    nonce BIGINT NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    wallet VARCHAR(64),
    gas_price INTEGER NOT NULL,
    unsigned BLOB NOT NULL,
    raw BLOB,
    hashes VARCHAR NOT NULL,
    stage VARCHAR(16) NOT NULL,
    block BIGINT,
    fee VARCHAR(78),
    posted BOOLEAN NOT NULL,
    sent_at_ms BIGINT NOT NULL,
    problem VARCHAR,
    UNIQUE (network, account, nonce)
);
CREATE INDEX IF NOT EXISTS errand_in_stage ON creator_transaction (network, stage);
CREATE INDEX IF NOT EXISTS ix_creator_transaction_wallet ON creator_transaction (wallet);

CREATE TABLE IF NOT EXISTS deposit (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    sender VARCHAR(128),
    "transaction" VARCHAR(128),
    position BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash VARCHAR(64) NOT NULL,
    units VARCHAR(78) NOT NULL,
    confirmed VARCHAR(78) NOT NULL,
    posted BOOLEAN NOT NULL,
    round INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    decided_at_ms BIGINT,
    UNIQUE (id)
);
CREATE INDEX IF NOT EXISTS deposit_at ON deposit (network, block_number);
CREATE INDEX IF NOT EXISTS deposit_in_state ON deposit (network, state, block_number);
CREATE INDEX IF NOT EXISTS deposit_of_wallet ON deposit (wallet, asset, block_number);
CREATE INDEX IF NOT EXISTS ix_deposit_transaction ON deposit ("transaction");

CREATE TABLE IF NOT EXISTS deposit_block (
    network VARCHAR(64) NOT NULL,
    number BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (network, number)
);

CREATE TABLE IF NOT EXISTS deposit_cursor (
    network VARCHAR(64) NOT NULL,
    scanned BIGINT NOT NULL,
    settled BIGINT NOT NULL,
    swept BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE IF NOT EXISTS deposit_event (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "key" VARCHAR(200) NOT NULL,
    at_ms BIGINT NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    code VARCHAR(64) NOT NULL,
    text VARCHAR NOT NULL,
    freezes VARCHAR(16) NOT NULL,
    thawed_at_ms BIGINT,
    UNIQUE ("key")
);
CREATE INDEX IF NOT EXISTS event_freezing ON deposit_event (network, freezes, thawed_at_ms);

CREATE TABLE IF NOT EXISTS deposit_outflow (
    id INTEGER NOT NULL,
    "key" VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE ("key", asset)
);

CREATE TABLE IF NOT EXISTS deposit_settlement (
    id INTEGER NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    block_number BIGINT NOT NULL,
    units VARCHAR(78) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (wallet, asset, block_number)
);
CREATE INDEX IF NOT EXISTS settlement_at ON deposit_settlement (network, block_number);

CREATE TABLE IF NOT EXISTS deposit_spending (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "key" VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    nonce BIGINT NOT NULL,
    digest VARCHAR(64) NOT NULL,
    "transaction" VARCHAR(64) NOT NULL,
    height BIGINT NOT NULL,
    block_hash VARCHAR(64) NOT NULL,
    failed BOOLEAN NOT NULL,
    log VARCHAR NOT NULL,
    fee VARCHAR(78) NOT NULL,
    fee_asset VARCHAR(200) NOT NULL,
    accounted BOOLEAN NOT NULL,
    UNIQUE ("key")
);
CREATE INDEX IF NOT EXISTS ix_deposit_spending_digest ON deposit_spending (digest);
CREATE INDEX IF NOT EXISTS spending_of_wallet ON deposit_spending (wallet, nonce);
CREATE INDEX IF NOT EXISTS spending_open ON deposit_spending (network, accounted, number);

CREATE TABLE IF NOT EXISTS deposit_touch (
    id INTEGER NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    block_number BIGINT NOT NULL,
    executed VARCHAR(64) NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS touch_at ON deposit_touch (network, block_number);
CREATE INDEX IF NOT EXISTS touch_of_wallet ON deposit_touch (wallet, block_number);

CREATE TABLE IF NOT EXISTS event_cursor (
    id INTEGER NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE IF NOT EXISTS event_out (
    cursor BIGINT NOT NULL,
    id VARCHAR(40) NOT NULL,
    type VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    network VARCHAR(64),
    user VARCHAR(64),
    wallet VARCHAR(64),
    withdrawal VARCHAR(64),
    deposit VARCHAR(64),
    data VARCHAR NOT NULL,
    PRIMARY KEY (cursor),
    UNIQUE (id)
);
CREATE INDEX IF NOT EXISTS event_out_deposit ON event_out (deposit, cursor);
CREATE INDEX IF NOT EXISTS event_out_user ON event_out (user, cursor);
CREATE INDEX IF NOT EXISTS event_out_wallet ON event_out (wallet, cursor);
CREATE INDEX IF NOT EXISTS event_out_withdrawal ON event_out (withdrawal, cursor);

CREATE TABLE IF NOT EXISTS idempotent_answer (
    api_key VARCHAR(40) NOT NULL,
    "key" VARCHAR(128) NOT NULL,
    request VARCHAR(64) NOT NULL,
    status INTEGER NOT NULL,
    media_type VARCHAR(64) NOT NULL,
    body BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (api_key, "key")
);

CREATE TABLE IF NOT EXISTS journal_head (
    signer VARCHAR(16) NOT NULL,
    sequence BIGINT NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (signer)
);

CREATE TABLE IF NOT EXISTS payout_batch (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    stage VARCHAR(16) NOT NULL,
    intent BLOB NOT NULL,
    fee_max VARCHAR(78) NOT NULL,
    parent VARCHAR(64),
    sent_rung INTEGER,
    "transaction" VARCHAR(64),
    height BIGINT,
    block_hash VARCHAR(64),
    outdone_by VARCHAR(64),
    undone INTEGER NOT NULL,
    tainted BOOLEAN NOT NULL,
    expires_at_s BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    try_after_ms BIGINT NOT NULL,
    problem VARCHAR,
    created_at_ms BIGINT NOT NULL,
    sent_at_ms BIGINT,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (id)
);
CREATE INDEX IF NOT EXISTS ix_payout_batch_parent ON payout_batch (parent);
CREATE INDEX IF NOT EXISTS payout_batch_height ON payout_batch (network, stage, height);
CREATE INDEX IF NOT EXISTS payout_batch_source ON payout_batch (source, stage);
CREATE INDEX IF NOT EXISTS payout_batch_stage ON payout_batch (network, stage, number);

CREATE TABLE IF NOT EXISTS payout_event (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    kind VARCHAR(40) NOT NULL,
    network VARCHAR(64) NOT NULL,
    subject VARCHAR(128) NOT NULL,
    text VARCHAR NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_payout_event_kind ON payout_event (kind);

CREATE TABLE IF NOT EXISTS pool_sweep (
    withdrawal VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    lent VARCHAR(78) NOT NULL,
    ended BOOLEAN NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (withdrawal)
);
CREATE INDEX IF NOT EXISTS pool_sweep_newest ON pool_sweep (pool, at_ms);
CREATE INDEX IF NOT EXISTS pool_sweep_open ON pool_sweep (pool, ended);

CREATE TABLE IF NOT EXISTS pool_total (
    pool VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    PRIMARY KEY (pool, kind, asset)
);

CREATE TABLE IF NOT EXISTS posting (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "key" VARCHAR(200) NOT NULL,
    kind VARCHAR(40) NOT NULL,
    at_ms BIGINT NOT NULL,
    wallet VARCHAR(64),
    reference VARCHAR NOT NULL,
    digest VARCHAR(64) NOT NULL,
    UNIQUE ("key")
);
CREATE INDEX IF NOT EXISTS ix_posting_wallet ON posting (wallet);

CREATE TABLE IF NOT EXISTS purse (
    network VARCHAR(64) NOT NULL,
    address VARCHAR(128) NOT NULL,
    balance VARCHAR(78) NOT NULL,
    reconciled_block BIGINT NOT NULL,
    low BOOLEAN NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE IF NOT EXISTS purse_transaction (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    network VARCHAR(64) NOT NULL,
    account VARCHAR(128) NOT NULL,
    nonce BIGINT NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64),
    unsigned BLOB NOT NULL,
    raw BLOB,
    hash VARCHAR(66),
    fee_max VARCHAR(78) NOT NULL,
    stage VARCHAR(16) NOT NULL,
    replaced_by INTEGER,
    block BIGINT,
    block_hash VARCHAR(66),
    succeeded BOOLEAN,
    fee_paid VARCHAR(78),
    created_at_ms BIGINT NOT NULL,
    first_sent_at_ms BIGINT,
    sent_at_ms BIGINT,
    problem VARCHAR,
    UNIQUE (network, account, nonce, unsigned),
    UNIQUE (hash)
);
CREATE INDEX IF NOT EXISTS ix_purse_transaction_withdrawal ON purse_transaction (withdrawal);
CREATE INDEX IF NOT EXISTS purse_transaction_stage ON purse_transaction (network, stage, nonce);

CREATE TABLE IF NOT EXISTS recalled_payment (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    network VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    "transaction" VARCHAR(66) NOT NULL,
    source VARCHAR(64) NOT NULL,
    intent VARCHAR(64) NOT NULL,
    intent_bytes BLOB NOT NULL,
    remembered_by VARCHAR(32) NOT NULL,
    signed_at_s BIGINT NOT NULL,
    paid_out VARCHAR(78) NOT NULL,
    fee VARCHAR(78),
    stage VARCHAR(16) NOT NULL,
    at_ms BIGINT NOT NULL,
    UNIQUE (network, digest)
);
CREATE INDEX IF NOT EXISTS recalled_payment_stage ON recalled_payment (network, stage);

CREATE TABLE IF NOT EXISTS spare_creator (
    network VARCHAR(64) NOT NULL,
    address VARCHAR(128) NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (network, address)
);

CREATE TABLE IF NOT EXISTS spare_wallet (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    stage VARCHAR(16) NOT NULL,
    address VARCHAR(128),
    record BLOB,
    given_for VARCHAR(64),
    created_at_ms BIGINT NOT NULL,
    UNIQUE (id),
    UNIQUE (given_for)
);
CREATE INDEX IF NOT EXISTS spare_in_stage ON spare_wallet (network, stage, number);

CREATE TABLE IF NOT EXISTS user_ (
    id VARCHAR(64) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (external_id)
);

CREATE TABLE IF NOT EXISTS webhook (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(40) NOT NULL,
    url VARCHAR(1000) NOT NULL,
    types VARCHAR NOT NULL,
    about VARCHAR(200) NOT NULL,
    secret BLOB NOT NULL,
    old_secret BLOB,
    old_until_ms BIGINT,
    cursor BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    reason VARCHAR NOT NULL,
    failures INTEGER NOT NULL,
    paused_until_ms BIGINT NOT NULL,
    failing_since_ms BIGINT,
    delivered BIGINT NOT NULL,
    problem VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    UNIQUE (id)
);

CREATE TABLE IF NOT EXISTS webhook_delivery (
    webhook VARCHAR(40) NOT NULL,
    event BIGINT NOT NULL,
    dead BOOLEAN NOT NULL,
    tries INTEGER NOT NULL,
    due_ms BIGINT NOT NULL,
    status INTEGER,
    problem VARCHAR NOT NULL,
    first_at_ms BIGINT NOT NULL,
    last_at_ms BIGINT NOT NULL,
    PRIMARY KEY (webhook, event)
);
CREATE INDEX IF NOT EXISTS webhook_delivery_due ON webhook_delivery (webhook, dead, due_ms);

CREATE TABLE IF NOT EXISTS entry (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    posting INTEGER NOT NULL,
    account VARCHAR(120) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    sign INTEGER NOT NULL,
    units VARCHAR(78) NOT NULL,
    balance VARCHAR(78) NOT NULL,
    FOREIGN KEY(posting) REFERENCES posting (id)
);
CREATE INDEX IF NOT EXISTS entry_account ON entry (account, asset, id);
CREATE INDEX IF NOT EXISTS ix_entry_posting ON entry (posting);

CREATE TABLE IF NOT EXISTS payout_batch_input (
    batch VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout INTEGER NOT NULL,
    amount_sat BIGINT NOT NULL,
    PRIMARY KEY (batch, txid, vout),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);
CREATE INDEX IF NOT EXISTS payout_batch_input_coin ON payout_batch_input (network, txid, vout);

CREATE TABLE IF NOT EXISTS payout_rung (
    batch VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    draft BLOB NOT NULL,
    fee_sat BIGINT NOT NULL,
    vsize INTEGER NOT NULL,
    body VARCHAR(64) NOT NULL,
    txid VARCHAR(64),
    raw BLOB,
    dropped VARCHAR,
    sent_at_ms BIGINT,
    PRIMARY KEY (batch, place),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);
CREATE INDEX IF NOT EXISTS ix_payout_rung_body ON payout_rung (body);
CREATE INDEX IF NOT EXISTS ix_payout_rung_txid ON payout_rung (txid);

CREATE TABLE IF NOT EXISTS payout_rung_answer (
    batch VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    signer VARCHAR(16) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    signatures BLOB,
    verdicts VARCHAR NOT NULL,
    policy VARCHAR(128) NOT NULL,
    sequence BIGINT,
    at_ms BIGINT NOT NULL,
    until_s BIGINT NOT NULL,
    PRIMARY KEY (batch, place, signer),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);

CREATE TABLE IF NOT EXISTS recalled_output (
    payment INTEGER NOT NULL,
    place INTEGER NOT NULL,
    recipient VARCHAR(128) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    wallet VARCHAR(64),
    withdrawal VARCHAR(64),
    PRIMARY KEY (payment, place),
    FOREIGN KEY(payment) REFERENCES recalled_payment (number)
);
CREATE INDEX IF NOT EXISTS ix_recalled_output_wallet ON recalled_output (wallet);

CREATE TABLE IF NOT EXISTS wallet (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    user VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    profile VARCHAR(64) NOT NULL,
    user_key VARCHAR(200) NOT NULL,
    policy_class VARCHAR(64) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    stage VARCHAR(16) NOT NULL,
    address VARCHAR(128),
    record BLOB,
    keeper_attestation BLOB,
    cooler_attestation BLOB,
    UNIQUE (network, address),
    UNIQUE (id),
    FOREIGN KEY(user) REFERENCES user_ (id),
    UNIQUE (external_id)
);
CREATE INDEX IF NOT EXISTS ix_wallet_network ON wallet (network);
CREATE INDEX IF NOT EXISTS ix_wallet_stage ON wallet (stage);
CREATE INDEX IF NOT EXISTS ix_wallet_user ON wallet (user);

CREATE TABLE IF NOT EXISTS address_range (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source VARCHAR(64) NOT NULL,
    change INTEGER NOT NULL,
    first BIGINT NOT NULL,
    size INTEGER NOT NULL,
    statement BLOB NOT NULL,
    keeper_signature BLOB NOT NULL,
    cooler_signature BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    UNIQUE (source, change, first),
    FOREIGN KEY(source) REFERENCES wallet (id)
);

CREATE TABLE IF NOT EXISTS ledger_transfer (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    from_wallet VARCHAR(64) NOT NULL,
    to_wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    at_ms BIGINT NOT NULL,
    UNIQUE (id),
    FOREIGN KEY(from_wallet) REFERENCES wallet (id),
    FOREIGN KEY(to_wallet) REFERENCES wallet (id),
    UNIQUE (external_id)
);
CREATE INDEX IF NOT EXISTS ix_ledger_transfer_from_wallet ON ledger_transfer (from_wallet);
CREATE INDEX IF NOT EXISTS ix_ledger_transfer_pool ON ledger_transfer (pool);
CREATE INDEX IF NOT EXISTS ix_ledger_transfer_to_wallet ON ledger_transfer (to_wallet);

CREATE TABLE IF NOT EXISTS pool (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    high VARCHAR(78) NOT NULL,
    low VARCHAR(78) NOT NULL,
    target VARCHAR(78) NOT NULL,
    harbor VARCHAR(128),
    created_at_ms BIGINT NOT NULL,
    UNIQUE (id),
    FOREIGN KEY(id) REFERENCES wallet (id)
);
CREATE INDEX IF NOT EXISTS ix_pool_network ON pool (network);

CREATE TABLE IF NOT EXISTS pool_member (
    wallet VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    place BIGINT,
    PRIMARY KEY (wallet),
    FOREIGN KEY(wallet) REFERENCES wallet (id)
);
CREATE INDEX IF NOT EXISTS pool_member_of ON pool_member (pool, place);

CREATE TABLE IF NOT EXISTS withdrawal (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) NOT NULL,
    recipient VARCHAR(128) NOT NULL,
    to_wallet VARCHAR(64),
    fee_max VARCHAR(78) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    voids VARCHAR(64),
    outputs VARCHAR,
    fee_asset VARCHAR(200),
    state VARCHAR(16) NOT NULL,
    state_json VARCHAR NOT NULL,
    open BOOLEAN NOT NULL,
    intent BLOB,
    draft BLOB,
    digest VARCHAR(64),
    slot BIGINT,
    expires_at_s BIGINT,
    drafted_at_block BIGINT,
    tries INTEGER NOT NULL,
    try_after_ms BIGINT NOT NULL,
    problem VARCHAR,
    "transaction" VARCHAR(66),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (id),
    FOREIGN KEY(wallet) REFERENCES wallet (id),
    UNIQUE (external_id)
);
CREATE INDEX IF NOT EXISTS ix_withdrawal_digest ON withdrawal (digest);
CREATE INDEX IF NOT EXISTS ix_withdrawal_transaction ON withdrawal ("transaction");
CREATE INDEX IF NOT EXISTS ix_withdrawal_voids ON withdrawal (voids);
CREATE INDEX IF NOT EXISTS withdrawal_open ON withdrawal (network, open, state, number);
CREATE INDEX IF NOT EXISTS withdrawal_wallet ON withdrawal (wallet, open, number);

CREATE TABLE IF NOT EXISTS attested_address (
    source VARCHAR(64) NOT NULL,
    place BIGINT NOT NULL,
    network VARCHAR(64) NOT NULL,
    cosigner INTEGER NOT NULL,
    address VARCHAR(128) NOT NULL,
    script BLOB NOT NULL,
    range INTEGER NOT NULL,
    way BLOB NOT NULL,
    wallet VARCHAR(64),
    burnt BOOLEAN NOT NULL,
    given_at_ms BIGINT,
    PRIMARY KEY (source, place),
    UNIQUE (network, address),
    FOREIGN KEY(range) REFERENCES address_range (number)
);
CREATE INDEX IF NOT EXISTS attested_address_stock ON attested_address (source, place) WHERE wallet IS NULL AND burnt IS 0;
CREATE INDEX IF NOT EXISTS attested_address_wallet ON attested_address (wallet, place);

CREATE TABLE IF NOT EXISTS payout_batch_member (
    batch VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    fee_part INTEGER NOT NULL,
    PRIMARY KEY (batch, withdrawal),
    FOREIGN KEY(batch) REFERENCES payout_batch (id),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX IF NOT EXISTS ix_payout_batch_member_withdrawal ON payout_batch_member (withdrawal);

CREATE TABLE IF NOT EXISTS payout_part (
    withdrawal VARCHAR(64) NOT NULL,
    part VARCHAR(80) NOT NULL,
    PRIMARY KEY (withdrawal),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

CREATE TABLE IF NOT EXISTS signer_answer (
    withdrawal VARCHAR(64) NOT NULL,
    signer VARCHAR(16) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    signature BLOB,
    verdicts VARCHAR NOT NULL,
    policy VARCHAR(128) NOT NULL,
    sequence BIGINT,
    at_ms BIGINT NOT NULL,
    until_s BIGINT NOT NULL,
    PRIMARY KEY (withdrawal, signer),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

CREATE TABLE IF NOT EXISTS signing_link (
    hash VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (hash),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX IF NOT EXISTS ix_signing_link_withdrawal ON signing_link (withdrawal);

CREATE TABLE IF NOT EXISTS wallet_fee (
    "key" VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    units VARCHAR(78) NOT NULL,
    held VARCHAR(78) NOT NULL,
    PRIMARY KEY ("key"),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX IF NOT EXISTS ix_wallet_fee_withdrawal ON wallet_fee (withdrawal);

CREATE TABLE IF NOT EXISTS withdrawal_evidence (
    withdrawal VARCHAR(64) NOT NULL,
    intent VARCHAR(64) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    proof BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (withdrawal, intent, kind, "key"),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

-- INSERT OR REPLACE deletes without firing delete triggers, so it is refused on its way in
CREATE TRIGGER IF NOT EXISTS posting_no_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS posting_no_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS posting_no_replace BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting WHERE id = NEW.id OR key = NEW.key) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_no_replace BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
