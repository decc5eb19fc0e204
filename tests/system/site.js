// A site on node, with the WebSockets of `ws`: what it is asked for stands in its address.
// Each thing that it sees is one line of JSON on its standard output, the port that it listens on the first.
'use strict';

const crypto = require('crypto');
const http = require('http');
const { WebSocketServer } = require('ws');

const MIB = 1 << 20;
let connections = 0;
const waiting = new Set();

function note(facts) {
    process.stdout.write(JSON.stringify(facts) + '\n');
}

// As many times 32 bytes as make a MiB, others for each number.
function block(number) {
    return Buffer.alloc(MIB, crypto.createHash('sha256').update(String(number)).digest());
}

const pages = {
    page(request, response) {
        const page = "node's page\n";
        response.setHeader('Content-Length', page.length);
        response.end(request.method === 'HEAD' ? '' : page);
    },

    // What stands behind the next slash.
    echo(_request, response, argument) {
        response.end(`/${argument}`);
    },

    // What arrived, and how it was framed.
    hash(request, response) {
        const body = crypto.createHash('sha256');
        let size = 0;
        request.on('data', (data) => { size += data.length; body.update(data); });
        request.on('end', () => response.end(JSON.stringify({
            hash: body.digest('hex'),
            size,
            length: request.headers['content-length'],
            coding: request.headers['transfer-encoding'],
            trailers: request.trailers,
        })));
    },

    // So many MiB in chunks.
    async stream(_request, response, count) {
        for (let number = 0; number < Number(count); number += 1) {
            if (!response.write(block(number))) {
                await new Promise((resolve) => response.once('drain', resolve));
            }
        }
        response.end();
    },

    trailers(_request, response) {
        response.writeHead(200, { Trailer: 'X-Sum', 'Content-Type': 'text/plain' });
        response.write('a body');
        response.addTrailers({ 'X-Sum': '42', 'Set-Cookie': 'no=trailer' });
        response.end();
    },

    // An answer before the body is there, which is not read; `kept`: and the connection stays.
    early(_request, response, kept) {
        const page = 'too much\n';
        response.writeHead(413, { 'Content-Length': page.length, ...(kept ? {} : { Connection: 'close' }) });
        response.end(page);
    },

    closing(_request, response) {
        response.setHeader('Connection', 'close');
        response.end("node's page\n");
    },

    // An answer when somebody asks for /news; who leaves before is noted.
    poll(request, response) {
        waiting.add(response);
        response.on('close', () => {
            waiting.delete(response);
            if (!response.writableFinished) {
                note({ target: request.url, left: true });
            }
        });
    },

    news(_request, response) {
        waiting.forEach((other) => other.end('news\n'));
        response.end(String(waiting.size));
    },

    // Who said once who he is, is that for as long as the connection lasts.
    account(request, response) {
        const [scheme, name] = (request.headers.authorization || '').split(' ');
        if (scheme === 'NTLM' || scheme === 'Negotiate') {
            request.socket.user = name;
        }
        if (request.socket.user === undefined) {
            response.writeHead(401, { 'WWW-Authenticate': ['Negotiate', 'NTLM'] });
        }
        response.end(String(request.socket.user));
    },
};

function answer(request, response) {
    const [, name, argument] = request.url.split(/[/?]/);
    note({ connection: request.socket.number, method: request.method, target: request.url });
    (pages[name] || pages.page)(request, response, argument);
}

const server = http.createServer(answer);
server.on('connection', (socket) => { socket.number = connections; connections += 1; });
server.on('checkContinue', (request, response) => {
    if (!request.url.startsWith('/early')) {
        response.writeContinue();
    }
    answer(request, response);
});

const sockets = new WebSocketServer({ server });
sockets.on('connection', (peer, request) => {
    let messages = 0;
    let bytes = 0;
    if (request.url === '/greeting') {
        peer.send('welcome');
    }
    peer.on('message', (data, binary) => {
        messages += 1;
        bytes += data.length;
        peer.send(data, { binary });
    });
    peer.on('close', (code) => note({ target: request.url, messages, bytes, code }));
});

server.listen(0, '127.0.0.1', () => note({ port: server.address().port }));
