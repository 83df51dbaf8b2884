# A TLS server of Python's ssl: port, chain, key, versions, what it wants.
import socket, ssl, sys, threading

port, chain, key, low, high, wants = sys.argv[1:]
versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
context.minimum_version, context.maximum_version = versions[low], versions[high]
if wants == "certificate":
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(chain)
if wants == "name":
    def refuse(_, name, __):
        return None if name in (None, "other.test") else ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
    context.sni_callback = refuse

def serve(connection):
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        connection.close()

listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
