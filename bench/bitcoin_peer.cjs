// BitGo's utxo-lib beside a whole signer: reads PSBTs, signs all their inputs with one seed, writes them.
// node bitcoin_peer.cjs '{"seed","psbts":[hex]}' ; each line, a number, is answered after so many with the
// signatures the first input has then.

const utxo = require('@bitgo/utxo-lib');

const asked = JSON.parse(process.argv[2]);
const network = utxo.networks.litecoin;
const root = utxo.bip32.fromSeed(Buffer.from(asked.seed, 'hex'), network);
const raws = asked.psbts.map((hex) => Buffer.from(hex, 'hex'));

const signed = (raw) => {
    const psbt = utxo.bitgo.createPsbtFromBuffer(raw, network);
    psbt.signAllInputsHD(root);
    psbt.toBuffer();
    return psbt.data.inputs[0].partialSig.length;
};

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    let last = 0;
    for (let done = 0; done < Number(line); done += 1) last = signed(raws[done % raws.length]);
    process.stdout.write(`${last}\n`);
});
