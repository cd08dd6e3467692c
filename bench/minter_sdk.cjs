// Minter's own JavaScript SDK beside our codec, in a process that stays, so that both can take turns.
// node minter_sdk.cjs '{"keys","multisig","to","decode":[hex]}' ; each line "WORK COUNT" does that much work and
// is answered with the last result, so that the caller sees that the work is the same.

const { TX_TYPE, prepareTx, prepareSignedTx, makeSignature, decodeTx } = require('minter-js-sdk');

const asked = JSON.parse(process.argv[2]);
const keys = asked.keys.map((hex) => Buffer.from(hex, 'hex'));
const params = (nonce, signatureType) => ({
    nonce, chainId: 2, gasPrice: 1, gasCoin: 0, type: TX_TYPE.SEND, signatureType,
    data: { coin: 0, to: asked.to, value: '1.5' },
});

const works = {
    single: (nonce) => prepareSignedTx(params(nonce, 1), { privateKey: keys[0] }).serializeToString(),
    multi: (nonce) => {
        const draft = prepareTx(params(nonce, 2));
        const signatures = keys.map((key) => makeSignature(draft, key));
        const signed = { ...params(nonce, 2), signatureData: { multisig: asked.multisig, signatures } };
        return prepareTx(signed).serializeToString();
    },
    decode: (nonce) => decodeTx(asked.decode[nonce % asked.decode.length]),
};

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const [name, count] = line.split(' ');
    let last = '';
    for (let nonce = 1; nonce <= Number(count); nonce += 1) last = works[name](nonce);
    process.stdout.write(`${JSON.stringify(last)}\n`);
});
