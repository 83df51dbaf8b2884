// A TLS server of Node.js: port, chain, key, versions, what it wants.
const fs = require('fs')
const tls = require('tls')

const [port, chain, key, low, high, wants] = process.argv.slice(2)
const options = { cert: fs.readFileSync(chain), key: fs.readFileSync(key), minVersion: 'TLSv' + low, maxVersion: 'TLSv' + high }
if (wants === 'certificate') Object.assign(options, { requestCert: true, rejectUnauthorized: true, ca: options.cert })
if (wants === 'name') {
  options.SNICallback = (name, done) => (name === 'other.test' ? done(null, tls.createSecureContext(options)) : done(new Error('another name')))
}
const server = tls.createServer(options, (socket) => socket.on('error', () => {}).resume())
server.on('tlsClientError', () => {})
server.listen(Number(port), '127.0.0.1')
