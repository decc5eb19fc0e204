// A WebSocket client: sends COUNT messages to URL, as text and as bytes, whole and in fragments, with pings among them,
// compares what comes back, and says so in one line of JSON.   node echoes.js URL HOST COUNT
'use strict';

const crypto = require('crypto');
const WebSocket = require('ws');

const [url, host, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const LARGEST = 256 * 1024;
const SMALL = 15; // Most are shorter than two to the power of it.
const WINDOW = 100; // Messages under way: two sides that both only write would wait for each other for ever.
const source = crypto.createHash('shake256', { outputLength: 2 * LARGEST }).update('echoes').digest();

function size(number) {
    if (number % 100 === 0) {
        return LARGEST;
    }
    return Math.floor(2 ** (SMALL * ((number * 0.6180339887) % 1))) - 1;
}

// As text its hexadecimal digits, as many of them.
function message(number) {
    const data = source.subarray(number, number + size(number));
    return number % 3 === 0 ? data.toString('hex').slice(0, data.length) : data;
}

const result = { echoed: 0, bytes: 0, wrong: 0, pongs: 0 };
const peer = new WebSocket(url, { headers: { Host: host } });
let sent = 0;

function fill() {
    while (sent < count && sent - result.echoed < WINDOW) {
        const data = message(sent);
        if (sent % 7 === 0) {
            const half = data.length >> 1;
            peer.send(data.slice(0, half), { fin: false, binary: typeof data !== 'string' });
            peer.send(data.slice(half), { fin: true });
        } else {
            peer.send(data);
        }
        if (sent % 50 === 0) {
            peer.ping(String(sent));
        }
        sent += 1;
    }
}

peer.on('open', fill);
peer.on('pong', () => { result.pongs += 1; });
peer.on('message', (data, binary) => {
    const expected = message(result.echoed);
    if (binary === (typeof expected === 'string') || Buffer.compare(data, Buffer.from(expected)) !== 0) {
        result.wrong += 1;
    }
    result.bytes += data.length;
    result.echoed += 1;
    if (result.echoed === count) {
        peer.close(1000);
    }
    fill();
});
peer.on('error', (error) => { result.error = String(error); });
peer.on('close', (code) => {
    result.code = code;
    process.stdout.write(JSON.stringify(result) + '\n');
});
