#!/usr/bin/env escript
%% -*- erlang -*-
%% Publishes numbered persistent messages to queues, one at a time, and
%% notes a number only when the broker has confirmed it: what a careful client
%% of the cluster does. Where its connection ends it connects again and publishes
%% the same number again. Runs on a host, with the client that the broker brings.
%%
%% usage: publish.escript URI NOTES QUEUE...
%%        publish.escript --missing URI NOTES QUEUE...
%%
%% NOTES gets a line for each confirmed message ("QUEUE NUMBER"), one for each
%% connection lost ("lost REASON"), and at its end "longest MILLISECONDS": the
%% longest time from one confirmation to the next. Ends when NOTES.stop exists.
%% With --missing reads all messages of the queues, and prints how many of the
%% confirmed ones were not there. A QUEUE that is a stream is given as stream:NAME.

main(["--missing", Uri, Notes | Queues]) ->
    {_, Channel} = open(#{params => begin_with(Uri)}, none),
    {ok, Text} = file:read_file(Notes),
    Missing = [Number || Queue <- Queues, Number <- missing(Channel, Queue, confirmed(Text, Queue))],
    io:format("~b~n", [length(Missing)]),
    halt(0);
main([Uri, Notes | Queues]) ->
    Params = begin_with(Uri),
    {ok, File} = file:open(Notes, [append, raw]),
    process_flag(trap_exit, true),
    Longest = work(#{params => Params, file => File, stop => Notes ++ ".stop"}, none, Queues, 1, now_ms(), 0),
    note(File, io_lib:format("longest ~b", [Longest])),
    halt(0).

begin_with(Uri) ->
    Plugins = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/*/ebin",
    code:add_pathsa(filelib:wildcard(Plugins)),
    logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(amqp_client),
    {ok, Params} = amqp_uri:parse(Uri ++ "?auth_mechanism=plain"),
    Params.

%% The numbers that were noted for a queue.
confirmed(Text, Queue) ->
    Lines = [string:split(Line, " ") || Line <- string:split(Text, "\n", all)],
    [Number || [Name, Number] <- Lines, Name =:= list_to_binary(Queue)].

%% A queue is read until all that was confirmed was there, or it has nothing more to say; a
%% stream from its first message on.
missing(Channel, Queue, Confirmed) ->
    {Name, From} = case Queue of
        "stream:" ++ Stream -> {Stream, [{<<"x-stream-offset">>, longstr, <<"first">>}]};
        _ -> {Queue, []}
    end,
    Tag = list_to_binary(Queue),
    {'basic.qos_ok'} = amqp_channel:call(Channel, {'basic.qos', 0, 100, false}),
    Consume = {'basic.consume', 0, list_to_binary(Name), Tag, false, false, false, false, From},
    amqp_channel:subscribe(Channel, Consume, self()),
    unseen(Channel, Tag, gb_sets:from_list(Confirmed)).

%% What one queue delivers too much waits in the mailbox, under its own tag.
unseen(Channel, Tag, Left) ->
    case gb_sets:is_empty(Left) of
        true -> [];
        false ->
            receive
                {{'basic.deliver', Tag, Delivery, _, _, _}, {amqp_msg, _, Number}} ->
                    amqp_channel:cast(Channel, {'basic.ack', Delivery, false}),
                    unseen(Channel, Tag, gb_sets:del_element(Number, Left))
            after 20000 -> gb_sets:to_list(Left)
            end
    end.

work(#{stop := Stop, file := File} = With, Open, Queues, Number, Last, Longest) ->
    case filelib:is_file(Stop) of
        true ->
            Longest;
        false ->
            try
                {_, Channel} = Now = open(With, Open),
                [publish(Channel, Queue, Number) || Queue <- Queues],
                [note(File, io_lib:format("~s ~b", [Queue, Number])) || Queue <- Queues],
                At = now_ms(),
                timer:sleep(5),
                work(With, Now, Queues, Number + 1, At, max(Longest, At - Last))
            catch
                _:Reason ->
                    note(File, io_lib:format("lost ~0p", [Reason])),
                    close(Open),
                    timer:sleep(20),
                    work(With, none, Queues, Number, Last, Longest)
            end
    end.

open(#{params := Params}, none) ->
    {ok, Connection} = amqp_connection:start(Params),
    {ok, Channel} = amqp_connection:open_channel(Connection),
    {'confirm.select_ok'} = amqp_channel:call(Channel, {'confirm.select', false}),
    {Connection, Channel};
open(_, Open) ->
    Open.

close(none) -> ok;
close({Connection, _}) -> try amqp_connection:close(Connection, 1000) catch _:_ -> ok end.

publish(Channel, Queue, Number) ->
    Basic = {'P_basic', undefined, undefined, undefined, 2, undefined, undefined, undefined,
             undefined, undefined, undefined, undefined, undefined, undefined, undefined},
    Message = {amqp_msg, Basic, integer_to_binary(Number)},
    Publish = {'basic.publish', 0, <<>>, key(Queue), false, false},
    ok = amqp_channel:call(Channel, Publish, Message),
    confirmed = case amqp_channel:wait_for_confirms(Channel, 10) of
        true -> confirmed;
        false -> refused;
        timeout -> never_confirmed
    end.

key("stream:" ++ Name) -> list_to_binary(Name);
key(Name) -> list_to_binary(Name).

note(File, Words) -> ok = file:write(File, [Words, "\n"]).

now_ms() -> erlang:monotonic_time(millisecond).
