CREATE TABLE api_key (
    id VARCHAR(40) NOT NULL,
    name VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    scopes VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT,
    PRIMARY KEY (id),
    UNIQUE (hash)
);

CREATE TABLE balance (
    account VARCHAR(120) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (account, asset)
);

CREATE TABLE coin (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout BIGINT NOT NULL,
    source VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    cosigner INTEGER NOT NULL,
    change INTEGER NOT NULL,
    index BIGINT NOT NULL,
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
CREATE INDEX coin_at ON coin (network, height);
CREATE INDEX coin_dust ON coin (network, dust, spent_height) WHERE dust;
CREATE INDEX coin_spendable ON coin (source, spent_by, gone, amount_sat);
CREATE INDEX coin_spent_at ON coin (network, spent_height);
CREATE INDEX coin_spent_by ON coin (network, spent_by);
CREATE INDEX coin_unspent ON coin (source, spent_height, gone, height, amount_sat);
CREATE INDEX coin_unspent_of ON coin (network, spent_height, gone, height, amount_sat);

CREATE TABLE coin_address (
    number BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    script BYTEA NOT NULL,
    source VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    cosigner INTEGER NOT NULL,
    change INTEGER NOT NULL,
    index BIGINT NOT NULL,
    holder VARCHAR(64),
    used BOOLEAN NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (network, script),
    UNIQUE (source, cosigner, change, index)
);
CREATE INDEX coin_address_free ON coin_address (source, cosigner, change, used, holder);
CREATE INDEX coin_address_of ON coin_address (network, number);
CREATE INDEX coin_address_wallet ON coin_address (wallet);

CREATE TABLE coin_draft (
    network VARCHAR(64) NOT NULL,
    body VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    holder VARCHAR(64) NOT NULL,
    PRIMARY KEY (network, body)
);
CREATE INDEX coin_draft_of ON coin_draft (holder);

CREATE TABLE coin_lease (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout BIGINT NOT NULL,
    holder VARCHAR(64) NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (network, txid, vout)
);
CREATE INDEX coin_lease_of ON coin_lease (holder);

CREATE TABLE coin_spending (
    number BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    body VARCHAR(64) NOT NULL,
    holder VARCHAR(64),
    height BIGINT,
    block_hash VARCHAR(64),
    gone BOOLEAN NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (network, txid)
);
CREATE INDEX coin_spending_at ON coin_spending (network, height);
CREATE INDEX coin_spending_of ON coin_spending (holder);

CREATE TABLE coin_transaction (
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    raw BYTEA NOT NULL,
    PRIMARY KEY (network, txid)
);

CREATE TABLE coin_transaction_forgotten (
    network VARCHAR(64) NOT NULL,
    height BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE creator_transaction (
    number BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    account VARCHAR(128) NOT NULL,
    nonce BIGINT NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    wallet VARCHAR(64),
    gas_price INTEGER NOT NULL,
    unsigned BYTEA NOT NULL,
    raw BYTEA,
    hashes VARCHAR NOT NULL,
    stage VARCHAR(16) NOT NULL,
    block BIGINT,
    fee VARCHAR(78) COLLATE "C",
    posted BOOLEAN NOT NULL,
    sent_at_ms BIGINT NOT NULL,
    problem VARCHAR,
    PRIMARY KEY (number),
    UNIQUE (network, account, nonce)
);
CREATE INDEX errand_in_stage ON creator_transaction (network, stage);
CREATE INDEX ix_creator_transaction_wallet ON creator_transaction (wallet);

CREATE TABLE deposit (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    sender VARCHAR(128),
    transaction VARCHAR(128),
    position BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash VARCHAR(64) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    confirmed VARCHAR(78) COLLATE "C" NOT NULL,
    posted BOOLEAN NOT NULL,
    round INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    decided_at_ms BIGINT,
    PRIMARY KEY (number),
    UNIQUE (id)
);
CREATE INDEX deposit_at ON deposit (network, block_number);
CREATE INDEX deposit_in_state ON deposit (network, state, block_number);
CREATE INDEX deposit_of_wallet ON deposit (wallet, asset, block_number);
CREATE INDEX ix_deposit_transaction ON deposit (transaction);

CREATE TABLE deposit_block (
    network VARCHAR(64) NOT NULL,
    number BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (network, number)
);

CREATE TABLE deposit_cursor (
    network VARCHAR(64) NOT NULL,
    scanned BIGINT NOT NULL,
    settled BIGINT NOT NULL,
    swept BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE deposit_event (
    number BIGSERIAL NOT NULL,
    key VARCHAR(200) NOT NULL,
    at_ms BIGINT NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64),
    code VARCHAR(64) NOT NULL,
    text VARCHAR NOT NULL,
    freezes VARCHAR(16) NOT NULL,
    thawed_at_ms BIGINT,
    PRIMARY KEY (number),
    UNIQUE (key)
);
CREATE INDEX event_freezing ON deposit_event (network, freezes, thawed_at_ms);

CREATE TABLE deposit_outflow (
    id BIGSERIAL NOT NULL,
    key VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (key, asset)
);

CREATE TABLE deposit_settlement (
    id BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    block_number BIGINT NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (wallet, asset, block_number)
);
CREATE INDEX settlement_at ON deposit_settlement (network, block_number);

CREATE TABLE deposit_spending (
    number BIGSERIAL NOT NULL,
    key VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    nonce BIGINT NOT NULL,
    digest VARCHAR(64) NOT NULL,
    transaction VARCHAR(64) NOT NULL,
    height BIGINT NOT NULL,
    block_hash VARCHAR(64) NOT NULL,
    failed BOOLEAN NOT NULL,
    log VARCHAR NOT NULL,
    fee VARCHAR(78) COLLATE "C" NOT NULL,
    fee_asset VARCHAR(200) NOT NULL,
    accounted BOOLEAN NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (key)
);
CREATE INDEX ix_deposit_spending_digest ON deposit_spending (digest);
CREATE INDEX spending_of_wallet ON deposit_spending (wallet, nonce);
CREATE INDEX spending_open ON deposit_spending (network, accounted, number);

CREATE TABLE deposit_touch (
    id BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    block_number BIGINT NOT NULL,
    executed VARCHAR(64) NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX touch_at ON deposit_touch (network, block_number);
CREATE INDEX touch_of_wallet ON deposit_touch (wallet, block_number);

CREATE TABLE event_cursor (
    id INTEGER NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE event_out (
    cursor BIGINT NOT NULL,
    id VARCHAR(40) NOT NULL,
    type VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    network VARCHAR(64),
    "user" VARCHAR(64),
    wallet VARCHAR(64),
    withdrawal VARCHAR(64),
    deposit VARCHAR(64),
    data VARCHAR NOT NULL,
    PRIMARY KEY (cursor),
    UNIQUE (id)
);
CREATE INDEX event_out_deposit ON event_out (deposit, cursor);
CREATE INDEX event_out_user ON event_out ("user", cursor);
CREATE INDEX event_out_wallet ON event_out (wallet, cursor);
CREATE INDEX event_out_withdrawal ON event_out (withdrawal, cursor);

CREATE TABLE idempotent_answer (
    api_key VARCHAR(40) NOT NULL,
    key VARCHAR(128) NOT NULL,
    request VARCHAR(64) NOT NULL,
    status INTEGER NOT NULL,
    media_type VARCHAR(64) NOT NULL,
    body BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (api_key, key)
);

CREATE TABLE journal_head (
    signer VARCHAR(16) NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (signer)
);

CREATE TABLE payout_batch (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    stage VARCHAR(16) NOT NULL,
    intent BYTEA NOT NULL,
    fee_max VARCHAR(78) COLLATE "C" NOT NULL,
    parent VARCHAR(64),
    sent_rung INTEGER,
    transaction VARCHAR(64),
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
    PRIMARY KEY (number),
    UNIQUE (id)
);
CREATE INDEX ix_payout_batch_parent ON payout_batch (parent);
CREATE INDEX payout_batch_height ON payout_batch (network, stage, height);
CREATE INDEX payout_batch_source ON payout_batch (source, stage);
CREATE INDEX payout_batch_stage ON payout_batch (network, stage, number);

CREATE TABLE payout_event (
    number BIGSERIAL NOT NULL,
    at_ms BIGINT NOT NULL,
    kind VARCHAR(40) NOT NULL,
    network VARCHAR(64) NOT NULL,
    subject VARCHAR(128) NOT NULL,
    text VARCHAR NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX ix_payout_event_kind ON payout_event (kind);

CREATE TABLE pool_sweep (
    withdrawal VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    lent VARCHAR(78) COLLATE "C" NOT NULL,
    ended BOOLEAN NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (withdrawal)
);
CREATE INDEX pool_sweep_newest ON pool_sweep (pool, at_ms);
CREATE INDEX pool_sweep_open ON pool_sweep (pool, ended);

CREATE TABLE pool_total (
    pool VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (pool, kind, asset)
);

CREATE TABLE posting (
    id BIGSERIAL NOT NULL,
    key VARCHAR(200) NOT NULL,
    kind VARCHAR(40) NOT NULL,
    at_ms BIGINT NOT NULL,
    wallet VARCHAR(64),
    reference VARCHAR NOT NULL,
    digest VARCHAR(64) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (key)
);
CREATE INDEX ix_posting_wallet ON posting (wallet);

CREATE TABLE purse (
    network VARCHAR(64) NOT NULL,
    address VARCHAR(128) NOT NULL,
    balance VARCHAR(78) COLLATE "C" NOT NULL,
    reconciled_block BIGINT NOT NULL,
    low BOOLEAN NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (network)
);

CREATE TABLE purse_transaction (
    number BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    account VARCHAR(128) NOT NULL,
    nonce BIGINT NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64),
    unsigned BYTEA NOT NULL,
    raw BYTEA,
    hash VARCHAR(66),
    fee_max VARCHAR(78) COLLATE "C" NOT NULL,
    stage VARCHAR(16) NOT NULL,
    replaced_by BIGINT,
    block BIGINT,
    block_hash VARCHAR(66),
    succeeded BOOLEAN,
    fee_paid VARCHAR(78) COLLATE "C",
    created_at_ms BIGINT NOT NULL,
    first_sent_at_ms BIGINT,
    sent_at_ms BIGINT,
    problem VARCHAR,
    PRIMARY KEY (number),
    UNIQUE (network, account, nonce, unsigned),
    UNIQUE (hash)
);
CREATE INDEX ix_purse_transaction_withdrawal ON purse_transaction (withdrawal);
CREATE INDEX purse_transaction_stage ON purse_transaction (network, stage, nonce);

CREATE TABLE recalled_payment (
    number BIGSERIAL NOT NULL,
    network VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    transaction VARCHAR(66) NOT NULL,
    source VARCHAR(64) NOT NULL,
    intent VARCHAR(64) NOT NULL,
    intent_bytes BYTEA NOT NULL,
    remembered_by VARCHAR(32) NOT NULL,
    signed_at_s BIGINT NOT NULL,
    paid_out VARCHAR(78) COLLATE "C" NOT NULL,
    fee VARCHAR(78) COLLATE "C",
    stage VARCHAR(16) NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (network, digest)
);
CREATE INDEX recalled_payment_stage ON recalled_payment (network, stage);

CREATE TABLE spare_creator (
    network VARCHAR(64) NOT NULL,
    address VARCHAR(128) NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (network, address)
);

CREATE TABLE spare_wallet (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    stage VARCHAR(16) NOT NULL,
    address VARCHAR(128),
    record BYTEA,
    given_for VARCHAR(64),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id),
    UNIQUE (given_for)
);
CREATE INDEX spare_in_stage ON spare_wallet (network, stage, number);

CREATE TABLE user_ (
    id VARCHAR(64) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (external_id)
);

CREATE TABLE webhook (
    number BIGSERIAL NOT NULL,
    id VARCHAR(40) NOT NULL,
    url VARCHAR(1000) NOT NULL,
    types VARCHAR NOT NULL,
    about VARCHAR(200) NOT NULL,
    secret BYTEA NOT NULL,
    old_secret BYTEA,
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
    PRIMARY KEY (number),
    UNIQUE (id)
);

CREATE TABLE webhook_delivery (
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
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, dead, due_ms);

CREATE TABLE entry (
    id BIGSERIAL NOT NULL,
    posting BIGINT NOT NULL,
    account VARCHAR(120) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    sign INTEGER NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    balance VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(posting) REFERENCES posting (id)
);
CREATE INDEX entry_account ON entry (account, asset, id);
CREATE INDEX ix_entry_posting ON entry (posting);

CREATE TABLE payout_batch_input (
    batch VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    txid VARCHAR(64) NOT NULL,
    vout INTEGER NOT NULL,
    amount_sat BIGINT NOT NULL,
    PRIMARY KEY (batch, txid, vout),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);
CREATE INDEX payout_batch_input_coin ON payout_batch_input (network, txid, vout);

CREATE TABLE payout_rung (
    batch VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    draft BYTEA NOT NULL,
    fee_sat BIGINT NOT NULL,
    vsize INTEGER NOT NULL,
    body VARCHAR(64) NOT NULL,
    txid VARCHAR(64),
    raw BYTEA,
    dropped VARCHAR,
    sent_at_ms BIGINT,
    PRIMARY KEY (batch, place),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);
CREATE INDEX ix_payout_rung_body ON payout_rung (body);
CREATE INDEX ix_payout_rung_txid ON payout_rung (txid);

CREATE TABLE payout_rung_answer (
    batch VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    signer VARCHAR(16) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    signatures BYTEA,
    verdicts VARCHAR NOT NULL,
    policy VARCHAR(128) NOT NULL,
    sequence BIGINT,
    at_ms BIGINT NOT NULL,
    until_s BIGINT NOT NULL,
    PRIMARY KEY (batch, place, signer),
    FOREIGN KEY(batch) REFERENCES payout_batch (id)
);

CREATE TABLE recalled_output (
    payment BIGINT NOT NULL,
    place INTEGER NOT NULL,
    recipient VARCHAR(128) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    wallet VARCHAR(64),
    withdrawal VARCHAR(64),
    PRIMARY KEY (payment, place),
    FOREIGN KEY(payment) REFERENCES recalled_payment (number)
);
CREATE INDEX ix_recalled_output_wallet ON recalled_output (wallet);

CREATE TABLE wallet (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    "user" VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    profile VARCHAR(64) NOT NULL,
    user_key VARCHAR(200) NOT NULL,
    policy_class VARCHAR(64) NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    stage VARCHAR(16) NOT NULL,
    address VARCHAR(128),
    record BYTEA,
    keeper_attestation BYTEA,
    cooler_attestation BYTEA,
    PRIMARY KEY (number),
    UNIQUE (network, address),
    UNIQUE (id),
    FOREIGN KEY("user") REFERENCES user_ (id),
    UNIQUE (external_id)
);
CREATE INDEX ix_wallet_network ON wallet (network);
CREATE INDEX ix_wallet_stage ON wallet (stage);
CREATE INDEX ix_wallet_user ON wallet ("user");

CREATE TABLE address_range (
    number BIGSERIAL NOT NULL,
    source VARCHAR(64) NOT NULL,
    change INTEGER NOT NULL,
    first BIGINT NOT NULL,
    size INTEGER NOT NULL,
    statement BYTEA NOT NULL,
    keeper_signature BYTEA NOT NULL,
    cooler_signature BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (source, change, first),
    FOREIGN KEY(source) REFERENCES wallet (id)
);

CREATE TABLE ledger_transfer (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    from_wallet VARCHAR(64) NOT NULL,
    to_wallet VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id),
    FOREIGN KEY(from_wallet) REFERENCES wallet (id),
    FOREIGN KEY(to_wallet) REFERENCES wallet (id),
    UNIQUE (external_id)
);
CREATE INDEX ix_ledger_transfer_from_wallet ON ledger_transfer (from_wallet);
CREATE INDEX ix_ledger_transfer_pool ON ledger_transfer (pool);
CREATE INDEX ix_ledger_transfer_to_wallet ON ledger_transfer (to_wallet);

CREATE TABLE pool (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    high VARCHAR(78) COLLATE "C" NOT NULL,
    low VARCHAR(78) COLLATE "C" NOT NULL,
    target VARCHAR(78) COLLATE "C" NOT NULL,
    harbor VARCHAR(128),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id),
    FOREIGN KEY(id) REFERENCES wallet (id)
);
CREATE INDEX ix_pool_network ON pool (network);

CREATE TABLE pool_member (
    wallet VARCHAR(64) NOT NULL,
    pool VARCHAR(64) NOT NULL,
    place BIGINT,
    PRIMARY KEY (wallet),
    FOREIGN KEY(wallet) REFERENCES wallet (id)
);
CREATE INDEX pool_member_of ON pool_member (pool, place);

CREATE TABLE withdrawal (
    number BIGSERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    wallet VARCHAR(64) NOT NULL,
    network VARCHAR(64) NOT NULL,
    asset VARCHAR(200) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    recipient VARCHAR(128) NOT NULL,
    to_wallet VARCHAR(64),
    fee_max VARCHAR(78) COLLATE "C" NOT NULL,
    external_id VARCHAR(128),
    metadata VARCHAR NOT NULL,
    voids VARCHAR(64),
    outputs VARCHAR,
    fee_asset VARCHAR(200),
    state VARCHAR(16) NOT NULL,
    state_json VARCHAR NOT NULL,
    open BOOLEAN NOT NULL,
    intent BYTEA,
    draft BYTEA,
    digest VARCHAR(64),
    slot BIGINT,
    expires_at_s BIGINT,
    drafted_at_block BIGINT,
    tries INTEGER NOT NULL,
    try_after_ms BIGINT NOT NULL,
    problem VARCHAR,
    transaction VARCHAR(66),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id),
    FOREIGN KEY(wallet) REFERENCES wallet (id),
    UNIQUE (external_id)
);
CREATE INDEX ix_withdrawal_digest ON withdrawal (digest);
CREATE INDEX ix_withdrawal_transaction ON withdrawal (transaction);
CREATE INDEX ix_withdrawal_voids ON withdrawal (voids);
CREATE INDEX withdrawal_open ON withdrawal (network, open, state, number);
CREATE INDEX withdrawal_wallet ON withdrawal (wallet, open, number);

CREATE TABLE attested_address (
    source VARCHAR(64) NOT NULL,
    place BIGINT NOT NULL,
    network VARCHAR(64) NOT NULL,
    cosigner INTEGER NOT NULL,
    address VARCHAR(128) NOT NULL,
    script BYTEA NOT NULL,
    range BIGINT NOT NULL,
    way BYTEA NOT NULL,
    wallet VARCHAR(64),
    burnt BOOLEAN NOT NULL,
    given_at_ms BIGINT,
    PRIMARY KEY (source, place),
    UNIQUE (network, address),
    FOREIGN KEY(range) REFERENCES address_range (number)
);
CREATE INDEX attested_address_stock ON attested_address (source, place) WHERE wallet IS NULL AND burnt IS false;
CREATE INDEX attested_address_wallet ON attested_address (wallet, place);

CREATE TABLE payout_batch_member (
    batch VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    fee_part INTEGER NOT NULL,
    PRIMARY KEY (batch, withdrawal),
    FOREIGN KEY(batch) REFERENCES payout_batch (id),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX ix_payout_batch_member_withdrawal ON payout_batch_member (withdrawal);

CREATE TABLE payout_part (
    withdrawal VARCHAR(64) NOT NULL,
    part VARCHAR(80) NOT NULL,
    PRIMARY KEY (withdrawal),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

CREATE TABLE signer_answer (
    withdrawal VARCHAR(64) NOT NULL,
    signer VARCHAR(16) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    signature BYTEA,
    verdicts VARCHAR NOT NULL,
    policy VARCHAR(128) NOT NULL,
    sequence BIGINT,
    at_ms BIGINT NOT NULL,
    until_s BIGINT NOT NULL,
    PRIMARY KEY (withdrawal, signer),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

CREATE TABLE signing_link (
    hash VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (hash),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX ix_signing_link_withdrawal ON signing_link (withdrawal);

CREATE TABLE wallet_fee (
    key VARCHAR(64) NOT NULL,
    withdrawal VARCHAR(64) NOT NULL,
    units VARCHAR(78) COLLATE "C" NOT NULL,
    held VARCHAR(78) COLLATE "C" NOT NULL,
    PRIMARY KEY (key),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);
CREATE INDEX ix_wallet_fee_withdrawal ON wallet_fee (withdrawal);

CREATE TABLE withdrawal_evidence (
    withdrawal VARCHAR(64) NOT NULL,
    intent VARCHAR(64) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    key VARCHAR(200) NOT NULL,
    proof BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (withdrawal, intent, kind, key),
    FOREIGN KEY(withdrawal) REFERENCES withdrawal (id)
);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER posting_is_never_emptied BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER entry_is_never_emptied BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION append_only();
