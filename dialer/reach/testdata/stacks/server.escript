#!/usr/bin/env escript
%% A TLS server of Erlang's ssl: port, chain, key, versions, what it wants.
main([Port, Chain, Key, Low, High, Wants]) ->
    {ok, _} = application:ensure_all_started(ssl),
    Own = [{certfile, Chain}, {keyfile, Key}],
    Options = Own ++ [{ip, {127, 0, 0, 1}}, {reuseaddr, true}, {active, false}, {log_level, none}, {versions, versions(Low, High)}] ++ wants(Wants, Chain, Own),
    {ok, Listener} = ssl:listen(list_to_integer(Port), Options),
    accept(Listener).

versions("1.2", "1.2") -> ['tlsv1.2'];
versions("1.3", "1.3") -> ['tlsv1.3'];
versions(_, _) -> ['tlsv1.3', 'tlsv1.2'].

wants("certificate", Chain, _) -> [{verify, verify_peer}, {fail_if_no_peer_cert, true}, {cacertfile, Chain}];
wants("name", _, Own) -> [{sni_fun, fun("other.test") -> Own; (_) -> undefined end}];
wants(_, _, _) -> [].

accept(Listener) ->
    {ok, Socket} = ssl:transport_accept(Listener),
    Server = spawn(fun() -> receive go -> serve(Socket) end end),
    ssl:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener).

serve(Socket) ->
    case ssl:handshake(Socket, 5000) of
        {ok, Connection} -> ssl:recv(Connection, 1, 5000);
        _ -> ok
    end.
