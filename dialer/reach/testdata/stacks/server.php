<?php
// A TLS server of PHP's streams: port, chain, key, versions, what it wants.
[, $port, $chain, $key, $low, $high, $wants] = $argv;
$versions = ['1.2' => STREAM_CRYPTO_METHOD_TLSv1_2_SERVER, '1.3' => STREAM_CRYPTO_METHOD_TLSv1_3_SERVER];
$options = ['local_cert' => $chain, 'local_pk' => $key];
if ($wants === 'certificate') {
    $options += ['verify_peer' => true, 'verify_peer_name' => false, 'cafile' => $chain];
}
$context = stream_context_create(['ssl' => $options]);
$server = stream_socket_server("tcp://127.0.0.1:$port", $code, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
while (true) {
    if (!$client = @stream_socket_accept($server, 60)) {
        continue;
    }
    stream_set_timeout($client, 2);
    if (@stream_socket_enable_crypto($client, true, $versions[$low] | $versions[$high])) {
        fread($client, 1);
    }
    fclose($client);
}
