// A TLS server of Deno, which is rustls: port, chain, key.
const [port, chain, key, , , wants] = Deno.args
const listener = Deno.listenTls({
  hostname: '127.0.0.1',
  port: Number(port),
  cert: Deno.readTextFileSync(chain),
  key: Deno.readTextFileSync(key),
  alpnProtocols: wants === 'protocol' ? ['acme-tls/1'] : undefined,
})
for (;;) {
  try {
    const connection = await listener.accept()
    connection.read(new Uint8Array(1)).catch(() => {}).finally(() => {
      try {
        connection.close()
      } catch { /* it is */ }
    })
  } catch { /* the next one */ }
}
