# A TLS server of Ruby's openssl: port, chain, key, versions, what it wants.
require 'socket'
require 'openssl'

port, chain, key, low, high, wants = ARGV
versions = { '1.2' => OpenSSL::SSL::TLS1_2_VERSION, '1.3' => OpenSSL::SSL::TLS1_3_VERSION }
certificates = OpenSSL::X509::Certificate.load_file(chain)
context = OpenSSL::SSL::SSLContext.new
context.add_certificate(certificates[0], OpenSSL::PKey.read(File.read(key)), certificates[1..])
context.min_version = versions[low]
context.max_version = versions[high]
if wants == 'certificate'
  context.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
  context.ca_file = chain
end
context.servername_cb = ->((_, name)) { name == 'other.test' ? nil : raise('another name') } if wants == 'name'
listener = TCPServer.new('127.0.0.1', port)
loop do
  Thread.new(listener.accept) do |connection|
    tls = OpenSSL::SSL::SSLSocket.new(connection, context)
    tls.accept
    tls.read(1)
  rescue StandardError
    nil
  ensure
    connection.close
  end
end
