// Node's http server: tells in a field of each answer what it read. Prints its port.
'use strict'
const http = require('node:http')
const crypto = require('node:crypto')

const server = http.createServer((request, response) => {
  const hash = crypto.createHash('sha1')
  let length = 0
  request.on('data', (piece) => { hash.update(piece); length += piece.length })
  request.on('end', () => {
    const fields = request.headers
    const sight = [request.method, request.url, fields.host || '', fields['x-request-id'] || '',
      fields['x-quotad-secret-id'] || '', fields['x-quotad-plan-id'] || '', length, hash.digest('hex')]
    response.writeHead(200, {
      'X-Seen': Buffer.from(JSON.stringify(sight)).toString('hex'), 'Content-Length': 0
    })
    response.end()
  })
})
server.keepAliveTimeout = 60000
server.headersTimeout = 0
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(server.address().port, process.version))
